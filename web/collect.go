package web

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"pageheat/collect"
	"pageheat/tracing"
)

// maxRequests is the maximum number of complete requests with behaviours that are processed
// at a time.
const maxRequests = 512

// intake accepts behaviours from strangers. Everything that strangers can grow is bounded: the
// bytes of a request, the requests of a sender and in total, and the number of senders that are
// remembered. Beyond a limit the request is refused with a time to retry; nothing queues. It is
// safe for concurrent use.
//
//	POST ──► who asks, how often ──► bytes ──► behaviours ──► Collector ──► 202
//	            403, 429              413         400            503
type intake struct {
	Collect
	origins Origins
	proxies Proxies
	metrics *collectMetrics
	senders *senders
	total   *rate.Limiter // for all senders
	held    atomic.Int64  // bytes of bodies
	open    chan struct{} // holds one token for each request
}

func newIntake(cfg Config) (*intake, error) {
	c := cfg.Collect
	known, err := newSenders(rate.Limit(c.Rate), c.Burst)
	if err != nil {
		return nil, err
	}
	total := rate.NewLimiter(rate.Inf, c.Burst)
	if c.TotalRate > 0 {
		total = rate.NewLimiter(rate.Limit(c.TotalRate), max(c.Burst, int(math.Ceil(c.TotalRate))))
	}
	return &intake{Collect: c, origins: cfg.Origins, proxies: cfg.Proxies, metrics: newCollectMetrics(cfg.Registerer),
		senders: known, total: total, open: make(chan struct{}, maxRequests)}, nil
}

// ServeHTTP accepts the behaviours of one request.
func (i *intake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions {
		i.origins.preflight(w, r, http.MethodPost, "Content-Type, Authorization")
		return
	}
	kept, refused := i.take(w, r)
	if refused == nil {
		i.metrics.answered(http.StatusAccepted, "")
		WriteJSON(w, http.StatusAccepted, map[string]int{"accepted": kept})
		return
	}
	i.metrics.answered(refused.Status, refused.why)
	if refused.after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(refused.after))
	}
	writeProblem(w, refused.Status, refused)
}

// refused is the answer if some behaviours were not accepted.
type refused struct {
	problem
	// Accepted is the number of behaviours of the request that are in the topic.
	Accepted int `json:"accepted"`
	// Refused has the first of the refused behaviours.
	Refused []collect.Refusal `json:"refused,omitempty"`
	// RefusedInAll is the number of refused behaviours.
	RefusedInAll int `json:"refused_in_all,omitempty"`

	why   string // the reason, for metrics
	after int    // seconds until a retry makes sense; 0 for none given
}

func refuse(status int, why, format string, args ...any) *refused {
	return &refused{problem: newProblem(status, fmt.Sprintf(format, args...)), why: why}
}

// tooMuch tells a sender to wait for some seconds.
func tooMuch(seconds int, why, format string, args ...any) *refused {
	answer := refuse(http.StatusTooManyRequests, why, format, args...)
	answer.after = seconds
	return answer
}

// take does everything except writing the answer. It returns the number of behaviours accepted,
// or the problem.
func (i *intake) take(w http.ResponseWriter, r *http.Request) (int, *refused) {
	if !i.origins.Allow(w, r) {
		return 0, refuse(http.StatusForbidden, whyOrigin, "%s", i.origins.Refusal(w, r))
	}
	if !i.hasKey(r) {
		return 0, refuse(http.StatusUnauthorized, whyKey, "The write key is missing or wrong: send it as ?key=KEY, or as Authorization: Bearer KEY. For the script it is data-key.")
	}
	if !readable(r.Header.Get("Content-Type")) {
		return 0, refuse(http.StatusUnsupportedMediaType, whyType, "Send behaviours as text/plain (one per line), application/json (one object, or an array) or application/x-ndjson, in UTF-8, not as %q.", r.Header.Get("Content-Type"))
	}
	if !unpackable(r) {
		w.Header().Set("Accept-Encoding", "gzip")
		return 0, refuse(http.StatusUnsupportedMediaType, whyEncoding, "Send behaviours uncompressed or with gzip, not with Content-Encoding %q.", encodings(r))
	}
	from := i.senders.of(i.proxies.Client(r))
	if !from.enter() {
		return 0, tooMuch(1, whyRequests, "%d requests from this address are already in progress: wait for them.", maxOpen)
	}
	defer from.leave()
	if refused := i.limited(from, 1); refused != nil {
		return 0, refused
	}
	content, held, err := i.read(w, r, from)
	defer held.release()
	if refused := i.unread(err); refused != nil {
		return 0, refused
	}
	// A body that does not arrive must not use a slot, so this comes after reading it.
	select {
	case i.open <- struct{}{}:
		defer func() { <-i.open }()
	default:
		return 0, refuse(http.StatusServiceUnavailable, whyBusy, "%d requests are already in progress: try again in a moment.", maxRequests)
	}
	return i.keep(tracing.WithParent(r.Context(), r.Header.Get(tracing.Header)), from, content)
}

// unread returns the problem of a body that could not be read.
func (i *intake) unread(err error) *refused {
	tooLarge := (*http.MaxBytesError)(nil)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &tooLarge):
		return refuse(http.StatusRequestEntityTooLarge, whyBytes, "The request has more than %d bytes uncompressed (--collect-max-bytes): send fewer behaviours at a time.", tooLarge.Limit)
	case errors.Is(err, errHeldOfSender):
		return tooMuch(1, whyRequests, "Requests from this address with %d bytes are already in progress: wait for them.", maxBodies*i.MaxBytes)
	case errors.Is(err, errHeldOfAll):
		return refuse(http.StatusServiceUnavailable, whyBusy, "Requests with %d bytes are already in progress: try again in a moment.", maxHeld)
	}
	return refuse(http.StatusBadRequest, whyBody, "The body of the request is incomplete: %v.", err)
}

// keep validates behaviours and writes the valid ones.
func (i *intake) keep(ctx context.Context, from *sender, content []byte) (int, *refused) {
	batch := i.Collector.Judge(content, i.Burst)
	n := batch.Len()
	switch {
	case n == 0:
		return 0, refuse(http.StatusBadRequest, whyEmpty, "The request has no behaviours: send page|clicks|minutes|like, such as page37|5|1.5|-1.")
	case n > i.Burst:
		return 0, refuse(http.StatusRequestEntityTooLarge, whyBehaviours, "The request has more than %d behaviours, the maximum of one request (--collect-burst): send fewer at a time. None was kept.", i.Burst)
	}
	// One was charged before the body was read.
	if refused := i.limited(from, n-1); refused != nil {
		return 0, refused
	}
	if wait := spend(i.total, time.Now(), n); wait > 0 {
		answer := refuse(http.StatusServiceUnavailable, whyTotal, "All clients together send more than %g behaviours a second: try again in a moment. None of the request was kept.", i.TotalRate)
		answer.after = int(math.Ceil(wait.Seconds()))
		return 0, answer
	}
	if err := i.Collector.Keep(ctx, batch); err != nil {
		return 0, refuse(http.StatusServiceUnavailable, whyKafka, "Kafka does not accept behaviours now (%s). Send the request again. Behaviours that reached the topic are then counted twice.", reasonOf(err))
	}
	if batch.RefusedInAll == 0 {
		return batch.Valid(), nil
	}
	first := batch.Refused[0]
	answer := refuse(http.StatusBadRequest, whyInvalid, "%d of %d behaviours were refused and %d kept; the first refused is number %d (%s): %s",
		batch.RefusedInAll, n, batch.Valid(), first.Line, first.Reason, first.Detail)
	answer.Accepted, answer.Refused, answer.RefusedInAll = batch.Valid(), batch.Refused, batch.RefusedInAll
	return 0, answer
}

// reasonOf tells strangers only what they need to know.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, collect.ErrBusy):
		return collect.ErrBusy.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "it did not answer in time"
	}
	return "it refused them; see the log"
}

// limited charges a client for n behaviours, or returns the refusal with the time to wait.
func (i *intake) limited(from *sender, n int) *refused {
	wait := from.spend(time.Now(), n)
	if wait == 0 {
		return nil
	}
	// The one behaviour that was charged before the body was read is charged again on a retry.
	seconds := int(math.Ceil(wait.Seconds() + 1/i.Rate))
	return tooMuch(seconds, whyRate, "This address sends more than %g behaviours a second, or %d at once: try again in %d s. None of the request was kept.",
		i.Rate, i.Burst, seconds)
}

// hasKey reports whether a request has the write key.
func (i *intake) hasKey(r *http.Request) bool {
	if i.Key == nil {
		return true
	}
	given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		given = r.URL.Query().Get("key") // sendBeacon cannot set headers
	}
	return sameSecret(given, i.Key.Value())
}
