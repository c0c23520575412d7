<?php
// Sends behaviours to pageheat over HTTP: one per line of standard input.
//
//     printf 'page37|5|1.5|1\n' | php send.php https://heat.example/api/v1/behaviours

const BATCH = 100; // behaviours in a request; --collect-burst is the maximum
const ATTEMPTS = 20;

function send(string $url, array $lines): void
{
    $context = stream_context_create(['http' => ['method' => 'POST', 'header' => 'Content-Type: text/plain',
        'content' => implode("\n", $lines), 'ignore_errors' => true, 'timeout' => 60]]);
    for ($i = 0; $i < ATTEMPTS; $i++) {
        $body = file_get_contents($url, false, $context);
        if ($body === false) {
            exit(1); // PHP has said why
        }
        $status = (int) explode(' ', $http_response_header[0])[1];
        $answer = json_decode($body, true);
        if ($status === 202) {
            return;
        }
        if ($status === 400 && isset($answer['refused'])) { // the valid ones are kept
            foreach ($answer['refused'] as $one) {
                fwrite(STDERR, 'refused: ' . json_encode($lines[$one['line'] - 1]) . ": {$one['detail']}\n");
            }
            return;
        }
        if ($status !== 429 && $status !== 503) {
            break;
        }
        $wait = preg_grep('/^retry-after:/i', $http_response_header);
        sleep($wait ? (int) explode(':', end($wait))[1] : 1);
    }
    fwrite(STDERR, "$status: {$answer['detail']}\n");
    exit(1);
}

$batch = [];
while (($line = fgets(STDIN)) !== false) {
    $batch[] = rtrim($line, "\n");
    if (count($batch) === BATCH) {
        send($argv[1], $batch);
        $batch = [];
    }
}
if ($batch) {
    send($argv[1], $batch);
}
