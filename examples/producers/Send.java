import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * Sends behaviours to pageheat over HTTP: one per line of standard input.
 *
 * <pre>printf 'page37|5|1.5|1\n' | java Send.java https://heat.example/api/v1/behaviours</pre>
 */
public class Send {
    private static final int BATCH = 100; // behaviours in a request; --collect-burst is the maximum
    private static final int ATTEMPTS = 20;
    private static final HttpClient CLIENT = HttpClient.newHttpClient();

    static void send(URI uri, List<String> lines) throws Exception {
        var request = HttpRequest.newBuilder(uri).header("Content-Type", "text/plain")
            .POST(HttpRequest.BodyPublishers.ofString(String.join("\n", lines))).build();
        HttpResponse<String> answer = null;
        for (int i = 0; i < ATTEMPTS; i++) {
            answer = CLIENT.send(request, HttpResponse.BodyHandlers.ofString());
            int status = answer.statusCode();
            if (status == 202) {
                return;
            }
            if (status == 400 && answer.body().contains("\"refused\"")) { // the valid ones are kept
                System.err.println(answer.body());
                return;
            }
            if (status != 429 && status != 503) {
                break;
            }
            Thread.sleep(1000 * answer.headers().firstValueAsLong("Retry-After").orElse(1));
        }
        throw new IllegalStateException(answer.statusCode() + ": " + answer.body());
    }

    public static void main(String[] args) throws Exception {
        var in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var uri = URI.create(args[0]);
        var batch = new ArrayList<String>();
        for (String line; (line = in.readLine()) != null;) {
            batch.add(line);
            if (batch.size() == BATCH) {
                send(uri, batch);
                batch.clear();
            }
        }
        if (!batch.isEmpty()) {
            send(uri, batch);
        }
    }
}
