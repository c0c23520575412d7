package collect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/webserver"
)

// Path is where behaviours are posted.
const Path = "/api/v1/behaviours"

// ErrBusy is what a [Writer] returns that has taken nothing because too much waits
// for Kafka already.
var ErrBusy = errors.New("too much waits for Kafka")

// Writer puts messages into the input topic. [Kafka] is one.
type Writer interface {
	// Write returns nil once Kafka keeps all messages. ErrBusy says that none was
	// taken; after any other error, that of ctx among them, some may get into
	// the topic. It is called from many goroutines, and does not keep the
	// messages once it has returned nil or ErrBusy.
	Write(ctx context.Context, messages [][]byte) error
}

// Config says what is taken, from whom, and how much. See [Config.Validate].
type Config struct {
	// Writer gets what is valid.
	Writer Writer
	// Limits are those of a behaviour.
	Limits heat.Limits
	// AllowPages, if not nil, has to match a page's name; see PagePattern.
	AllowPages *regexp.Regexp
	// MaxPageBytes is the longest name of a page, 1 to codec.MaxPageBytes.
	MaxPageBytes int
	// MaxBytes is the longest body of a request, in bytes; from 1 KiB to 1 MiB.
	MaxBytes int
	// Rate is how many behaviours one client may send in a second, for long; above
	// 0.
	Rate float64
	// Burst is how many it may send at once, and so the most of one request; at
	// least 1.
	Burst int
	// TotalRate is how many behaviours all clients together may send in a second; 0
	// for no bound.
	TotalRate float64
	// Timeout is how long Kafka may take for one request; above 0.
	Timeout time.Duration
	// Origins are the sites whose pages may send, besides those of the host that
	// is asked.
	Origins webserver.Origins
	// Key has to come with each request; empty for none.
	Key string
	// Proxies are those whose X-Forwarded-For is believed.
	Proxies webserver.Proxies
	// Metrics count; nil for none.
	Metrics *Metrics
	// Logger gets what an operator should know; nil for none.
	Logger *slog.Logger
}

// Validate returns an error that names the field that is out of range.
func (c Config) Validate() error {
	const least, most = 1 << 10, 1 << 20
	switch {
	case c.Writer == nil:
		return errors.New("the collector needs a writer")
	case c.MaxPageBytes < 1 || c.MaxPageBytes > codec.MaxPageBytes:
		return fmt.Errorf("the longest page must have from 1 to %d bytes, not %d", codec.MaxPageBytes, c.MaxPageBytes)
	case c.MaxBytes < least || c.MaxBytes > most:
		return fmt.Errorf("the longest request must have from %d to %d bytes, not %d", least, most, c.MaxBytes)
	case !(c.Rate > 0): // not NaN either
		return fmt.Errorf("the rate must be above 0, not %g", c.Rate)
	case c.Burst < 1:
		return fmt.Errorf("the burst must be at least 1, not %d", c.Burst)
	case !(c.TotalRate >= 0): // not NaN either
		return fmt.Errorf("the rate of all must be at least 0, not %g", c.TotalRate)
	case c.Timeout <= 0:
		return fmt.Errorf("the time for Kafka must be above 0, not %s", c.Timeout)
	}
	return c.Limits.Validate()
}

// maxRequests is how many requests that have come whole are answered at a time.
const maxRequests = 512

// Collector is the handler. It is safe for concurrent use.
type Collector struct {
	cfg     Config
	clients *clients
	total   *rate.Limiter // of all clients
	held    atomic.Int64  // bytes of bodies
	open    chan struct{} // holds one token for each request
	trouble trouble
}

// New returns a collector, or the error of the configuration.
func New(cfg Config) (*Collector, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Metrics == nil {
		cfg.Metrics = NewMetrics(nil)
	}
	known, err := newClients(rate.Limit(cfg.Rate), cfg.Burst)
	if err != nil {
		return nil, err
	}
	total := rate.NewLimiter(rate.Inf, cfg.Burst)
	if cfg.TotalRate > 0 {
		total = rate.NewLimiter(rate.Limit(cfg.TotalRate), max(cfg.Burst, int(math.Ceil(cfg.TotalRate))))
	}
	return &Collector{cfg: cfg, clients: known, total: total, open: make(chan struct{}, maxRequests)}, nil
}

// Routes are where behaviours are posted, for everybody.
func (c *Collector) Routes() []webserver.Route {
	preflight := c.cfg.Origins.Preflight(http.MethodPost, "Content-Type, Authorization")
	return []webserver.Route{{
		Path: Path, Methods: []string{http.MethodPost, http.MethodOptions}, Public: true,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodOptions {
				preflight(w, r)
				return
			}
			c.ServeHTTP(w, r)
		}),
	}}
}

// Ready returns nil, or why behaviours could not be written a moment ago.
func (c *Collector) Ready() error { return c.trouble.now() }

// ServeHTTP takes the behaviours of one request.
func (c *Collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	taken, problem := c.take(w, r)
	if problem == nil {
		c.cfg.Metrics.answered(http.StatusAccepted, "")
		webserver.WriteJSON(w, http.StatusAccepted, accepted{taken})
		return
	}
	c.cfg.Metrics.answered(problem.Status, problem.why)
	webserver.WriteProblem(w, problem.Status, problem)
}

// accepted is the answer where all was taken.
type accepted struct {
	Accepted int `json:"accepted"`
}

// refused is the answer where something was not taken.
type refused struct {
	webserver.Problem
	// Accepted is how many behaviours of the request are in the topic.
	Accepted int `json:"accepted"`
	// Refused are those that are not, the first maxListed of them.
	Refused []Refusal `json:"refused,omitempty"`
	// RefusedInAll is how many they are.
	RefusedInAll int `json:"refused_in_all,omitempty"`

	why string // the reason, for metrics
}

func problem(status int, why, format string, args ...any) *refused {
	return &refused{Problem: webserver.NewProblem(status, fmt.Sprintf(format, args...)), why: why}
}

// take does all but write the answer. It returns how many behaviours were taken, or
// what was wrong.
func (c *Collector) take(w http.ResponseWriter, r *http.Request) (int, *refused) {
	if !c.cfg.Origins.Allow(w, r) {
		// The page may read the refusal, so that its console can say what to do.
		w.Header().Set("Access-Control-Allow-Origin", "*")
		return 0, problem(http.StatusForbidden, whyOrigin, "%s", c.cfg.Origins.Refusal(r))
	}
	if !c.hasKey(r) {
		return 0, problem(http.StatusUnauthorized, whyKey, "The write key is missing or wrong: send it as ?key=KEY, or as Authorization: Bearer KEY. For the script it is data-key.")
	}
	if !readable(r.Header.Get("Content-Type")) {
		return 0, problem(http.StatusUnsupportedMediaType, whyType, "Send behaviours as text/plain (one on a line), application/json (one object, or an array) or application/x-ndjson, in UTF-8, not as %q.", r.Header.Get("Content-Type"))
	}
	if !unpackable(r) {
		w.Header().Set("Accept-Encoding", "gzip")
		return 0, problem(http.StatusUnsupportedMediaType, whyEncoding, "Send behaviours as they are or packed with gzip, not with Content-Encoding %q.", encodings(r))
	}
	client := c.clients.of(c.cfg.Proxies.Client(r))
	if !client.enter() {
		return 0, c.tooMany(w, whyRequests, "%d requests from this address are being answered already: wait for them.", maxOpen)
	}
	defer client.leave()
	if problem := c.limited(w, client, 1); problem != nil {
		return 0, problem
	}
	content, held, err := c.read(w, r, client)
	defer held.release()
	if problem := c.unread(w, err); problem != nil {
		return 0, problem
	}
	// Only now: a body that does not come keeps no place from another one.
	select {
	case c.open <- struct{}{}:
		defer func() { <-c.open }()
	default:
		return 0, problem(http.StatusServiceUnavailable, whyBusy, "%d requests are being answered already: try again in a moment.", maxRequests)
	}
	return c.keep(w, r, client, content)
}

// unread says what was wrong where a body could not be read.
func (c *Collector) unread(w http.ResponseWriter, err error) *refused {
	tooLarge := (*http.MaxBytesError)(nil)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &tooLarge):
		return problem(http.StatusRequestEntityTooLarge, whyBytes, "The request has more than %d bytes (--collect-max-bytes), unpacked: send fewer behaviours at a time.", tooLarge.Limit)
	case errors.Is(err, errHeldOfClient):
		return c.tooMany(w, whyRequests, "Requests from this address of %d bytes are being answered already: wait for them.", maxBodies*c.cfg.MaxBytes)
	case errors.Is(err, errHeldOfAll):
		return problem(http.StatusServiceUnavailable, whyBusy, "Requests of %d bytes are being answered already: try again in a moment.", maxHeld)
	}
	return problem(http.StatusBadRequest, whyBody, "The body of the request did not come whole: %v.", err)
}

// tooMany says that a client has to wait for its own requests.
func (c *Collector) tooMany(w http.ResponseWriter, why, format string, args ...any) *refused {
	w.Header().Set("Retry-After", "1")
	return problem(http.StatusTooManyRequests, why, format, args...)
}

// keep judges what is in a body and writes what is valid.
func (c *Collector) keep(w http.ResponseWriter, r *http.Request, from *client, content []byte) (int, *refused) {
	good, bad := c.judge(content)
	n := len(good) + bad.count
	switch {
	case n == 0:
		return 0, problem(http.StatusBadRequest, whyEmpty, "The request holds no behaviour: send page|clicks|minutes|like, such as page37|5|1.5|-1.")
	case n > c.cfg.Burst:
		return 0, problem(http.StatusRequestEntityTooLarge, whyBehaviours, "The request has more than %d behaviours, the most of one request (--collect-burst): send fewer at a time. Nothing of it was kept.", c.cfg.Burst)
	}
	// One was paid for before it was read.
	if problem := c.limited(w, from, n-1); problem != nil {
		return 0, problem
	}
	if wait := spend(c.total, time.Now(), n); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
		return 0, problem(http.StatusServiceUnavailable, whyTotal, "All clients together send more than %g behaviours a second: try again in a moment. Nothing of the request was kept.", c.cfg.TotalRate)
	}
	bad.each(func(reason string, n int) { c.cfg.Metrics.refused.WithLabelValues(reason).Add(float64(n)) })
	if len(good) > 0 {
		if err := c.write(r.Context(), good); err != nil {
			return 0, problem(http.StatusServiceUnavailable, whyKafka, "Kafka does not take behaviours now (%s). Send the request again: those that did get into the topic are then counted twice.", reasonOf(err))
		}
		c.cfg.Metrics.behaviours.Add(float64(len(good)))
	}
	if bad.count > 0 {
		first := bad.list[0]
		answer := problem(http.StatusBadRequest, whyInvalid, "%d of %d behaviours were refused and %d kept; the first refused is number %d (%s): %s",
			bad.count, n, len(good), first.Line, first.Reason, first.Detail)
		answer.Accepted, answer.Refused, answer.RefusedInAll = len(good), bad.list, bad.count
		return 0, answer
	}
	return len(good), nil
}

// write waits for Kafka, whether the client waits or not: a page that is left does
// not.
func (c *Collector) write(ctx context.Context, messages [][]byte) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.Timeout)
	defer cancel()
	began := time.Now()
	err := c.cfg.Writer.Write(ctx, messages)
	if c.trouble.note(err) {
		c.cfg.Logger.Error("behaviours cannot be written to Kafka, senders are told to try again", "error", err)
	}
	if err == nil {
		c.cfg.Metrics.seconds.Observe(time.Since(began).Seconds())
	}
	return err
}

// reasonOf tells strangers no more than they need.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, ErrBusy):
		return ErrBusy.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "it did not answer in time"
	}
	return "it refused them; the log says more"
}

// limited takes n behaviours off what a client may send, or says when it may.
func (c *Collector) limited(w http.ResponseWriter, from *client, n int) *refused {
	wait := from.spend(time.Now(), n)
	if wait == 0 {
		return nil
	}
	// The one behaviour that was paid for before the body was read is paid for again.
	seconds := int(math.Ceil(wait.Seconds() + 1/c.cfg.Rate))
	w.Header().Set("Retry-After", strconv.Itoa(seconds))
	return problem(http.StatusTooManyRequests, whyRate, "This address sends more than %g behaviours a second, or %d at once: try again in %d s. Nothing of the request was kept.",
		c.cfg.Rate, c.cfg.Burst, seconds)
}

// hasKey reports whether the write key came with a request.
func (c *Collector) hasKey(r *http.Request) bool {
	if c.cfg.Key == "" {
		return true
	}
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		given = r.URL.Query().Get("key") // all that sendBeacon can send
	}
	return webserver.SameSecret(given, c.cfg.Key)
}
