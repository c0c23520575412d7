package tracing

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	traces "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

const (
	// tracesPath is where a collector takes spans, below the endpoint of all signals.
	tracesPath = "v1/traces"
	// defaultEndpoint and defaultTimeout are OpenTelemetry's.
	defaultEndpoint = "http://localhost:4318"
	defaultTimeout  = 10 * time.Second
	// mostOfAnswer is how many bytes of an answer are read.
	mostOfAnswer = 64 << 10
)

// collector sends spans to a collector as protobuf over HTTP. It is here since OpenTelemetry's
// own client for HTTP links all of gRPC, some 4 MiB of resident memory of an instance that
// sends no spans. It is safe for concurrent use.
type collector struct {
	client   *http.Client
	endpoint *url.URL
	headers  map[string]string
	compress bool
	within   time.Duration // all attempts to send
}

var _ otlptrace.Client = (*collector)(nil)

// newCollector returns a client with the settings of the environment, OTEL_EXPORTER_OTLP_*, of
// which those for traces come first. The error names the variable whose value is wrong.
func newCollector(env func(string) string) (*collector, error) {
	const all, prefix = "OTEL_EXPORTER_OTLP_", "OTEL_EXPORTER_OTLP_TRACES_"
	setting := func(name string) (variable, value string) {
		if value := env(prefix + name); value != "" {
			return prefix + name, value
		}
		return all + name, env(all + name)
	}
	c := &collector{within: defaultTimeout}
	name, value := setting("ENDPOINT")
	endpoint, err := endpointOf(value, name == all+"ENDPOINT")
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	c.endpoint = endpoint
	name, value = setting("HEADERS")
	if c.headers, err = headersOf(value); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if name, value = setting("TIMEOUT"); value != "" {
		ms, err := strconv.ParseInt(value, 10, 32)
		if err != nil || ms <= 0 {
			return nil, fmt.Errorf("%s: %q: must be a positive number of milliseconds", name, value)
		}
		c.within = time.Duration(ms) * time.Millisecond
	}
	switch name, value = setting("COMPRESSION"); value {
	case "", "none":
	case "gzip":
		c.compress = true
	default:
		return nil, fmt.Errorf("%s: %q: must be gzip or none", name, value)
	}
	config, err := tlsOf(setting)
	if err != nil {
		return nil, err
	}
	c.client = &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config,
		ForceAttemptHTTP2: true, MaxIdleConns: 1, IdleConnTimeout: time.Minute},
		// The headers are secrets, and only some of them would stay behind on the way to another host.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return c, nil
}

// endpointOf is where spans are posted to. That of all signals is a base.
func endpointOf(value string, base bool) (*url.URL, error) {
	if value == "" {
		value = defaultEndpoint
	}
	u, err := url.Parse(value)
	if err != nil {
		if wrong, ok := errors.AsType[*url.Error](err); ok {
			err = wrong.Err // without the address, which may have a password
		}
		return nil, fmt.Errorf("must be a URL such as %s: %w", defaultEndpoint, err)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("%q: must be a URL such as %s", u.Redacted(), defaultEndpoint)
	}
	if base {
		u = u.JoinPath(tracesPath)
	}
	return u, nil
}

// headersOf reads key1=value1,key2=value2, whose values may be percent-encoded. The values are
// secrets, so errors do not have them.
func headersOf(value string) (map[string]string, error) {
	headers := make(map[string]string)
	for pair := range strings.SplitSeq(value, ",") {
		if pair = strings.TrimSpace(pair); pair == "" {
			continue
		}
		key, text, ok := strings.Cut(pair, "=")
		text, err := url.PathUnescape(strings.TrimSpace(text))
		if key = strings.TrimSpace(key); !ok || key == "" || err != nil {
			return nil, errors.New("must be key=value,key=value with percent-encoded values")
		}
		headers[key] = text
	}
	return headers, nil
}

// tlsOf is the configuration of TLS, nil for the default.
func tlsOf(setting func(name string) (variable, value string)) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if name, file := setting("CERTIFICATE"); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("%s: %s has no certificate in PEM", name, file)
		}
	}
	name, file := setting("CLIENT_CERTIFICATE")
	_, key := setting("CLIENT_KEY")
	if file != "" || key != "" {
		pair, err := tls.LoadX509KeyPair(file, key)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// Start implements otlptrace.Client: the first spans connect.
func (c *collector) Start(context.Context) error { return nil }

// Stop implements otlptrace.Client.
func (c *collector) Stop(context.Context) error {
	c.client.CloseIdleConnections()
	return nil
}

// UploadTraces implements otlptrace.Client. It tries again, for the timeout of the settings,
// where the collector cannot be reached or says that it is overloaded.
func (c *collector) UploadTraces(ctx context.Context, spans []*traces.ResourceSpans) error {
	// The same bytes as those of an ExportTraceServiceRequest, which comes with gRPC.
	body, err := proto.Marshal(&traces.TracesData{ResourceSpans: spans})
	if err != nil {
		return fmt.Errorf("encoding spans: %w", err)
	}
	if c.compress {
		var packed bytes.Buffer
		w := gzip.NewWriter(&packed)
		_, err := w.Write(body)
		if err = errors.Join(err, w.Close()); err != nil {
			return fmt.Errorf("compressing spans: %w", err)
		}
		body = packed.Bytes()
	}
	ctx, cancel := context.WithTimeout(ctx, c.within)
	defer cancel()
	answer, err := backoff.Retry(ctx, func() ([]byte, error) { return c.post(ctx, body) }, backoff.WithMaxElapsedTime(c.within))
	if err != nil {
		return fmt.Errorf("sending spans to %s: %w", c.endpoint.Redacted(), err)
	}
	return rejected(answer)
}

// post makes one attempt and returns the answer. An error that another attempt does not mend is
// a backoff.PermanentError.
func (c *collector) post(ctx context.Context, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.endpoint.String(), bytes.NewReader(body))
	if err != nil {
		return nil, backoff.Permanent(err)
	}
	for name, value := range c.headers {
		request.Header.Set(name, value)
	}
	request.Header.Set("Content-Type", "application/x-protobuf")
	request.Header.Set("User-Agent", "OTel-OTLP-Exporter-Go/"+otlptrace.Version())
	if c.compress {
		request.Header.Set("Content-Encoding", "gzip")
	}
	response, err := c.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, mostOfAnswer))
	switch {
	case response.StatusCode/100 == 2:
		return answer, err
	case response.StatusCode == http.StatusTooManyRequests, response.StatusCode == http.StatusBadGateway,
		response.StatusCode == http.StatusServiceUnavailable, response.StatusCode == http.StatusGatewayTimeout:
		if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
			return nil, errors.Join(errors.New(response.Status), backoff.RetryAfter(seconds))
		}
		return nil, errors.New(response.Status)
	}
	return nil, backoff.Permanent(errors.New(response.Status))
}

// rejected is the error of spans that the collector did not accept although it accepted the
// request: ExportTraceServiceResponse.partial_success.
func rejected(answer []byte) error {
	const partialSuccess, rejectedSpans, errorMessage = 1, 1, 2
	var n uint64
	var reason []byte
	fields(answer, func(number protowire.Number, partial []byte, _ uint64) {
		if number != partialSuccess {
			return
		}
		fields(partial, func(number protowire.Number, text []byte, whole uint64) {
			switch number {
			case rejectedSpans:
				n = whole
			case errorMessage:
				reason = text
			}
		})
	})
	if n == 0 {
		return nil
	}
	return fmt.Errorf("the collector rejected %d spans: %s", n, reason)
}

// fields calls each for the fields of a message, up to what is no protobuf: with the bytes of one
// that has a length, and the number of a varint.
func fields(message []byte, each func(number protowire.Number, text []byte, whole uint64)) {
	for len(message) > 0 {
		number, kind, length := protowire.ConsumeTag(message)
		if length < 0 {
			return
		}
		message = message[length:]
		if length = protowire.ConsumeFieldValue(number, kind, message); length < 0 {
			return
		}
		text, _ := protowire.ConsumeBytes(message)
		whole, _ := protowire.ConsumeVarint(message)
		switch kind {
		case protowire.BytesType:
			each(number, text, 0)
		case protowire.VarintType:
			each(number, nil, whole)
		}
		message = message[length:]
	}
}
