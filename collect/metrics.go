package collect

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"pageheat/codec"
)

// Why a request is refused, whole or in part.
const (
	whyOrigin     = "origin"     // of another site
	whyKey        = "key"        // missing or wrong
	whyType       = "type"       // no text or JSON in UTF-8
	whyEncoding   = "encoding"   // packed by something else than gzip
	whyRequests   = "requests"   // too many of one client at a time, or bytes of them
	whyRate       = "rate"       // too many behaviours of one client
	whyTotal      = "total-rate" // too many behaviours of all clients
	whyBytes      = "bytes"      // too long
	whyBehaviours = "behaviours" // too many in one request
	whyBody       = "body"       // did not come whole
	whyEmpty      = "empty"      // no behaviour
	whyInvalid    = "invalid"    // behaviours that are none
	whyBusy       = "busy"       // too many requests of all, or bytes of them
	whyKafka      = "kafka"      // Kafka did not take them
)

// Metrics count what a collector does.
type Metrics struct {
	requests   *prometheus.CounterVec
	why        *prometheus.CounterVec
	behaviours prometheus.Counter
	refused    *prometheus.CounterVec
	seconds    prometheus.Histogram
}

// NewMetrics returns metrics that are registered with r, unless it is nil.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_collect_requests_total",
			Help: "Requests with behaviours that were answered, by HTTP status."}, []string{"status"}),
		why: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_collect_refused_requests_total",
			Help: "Requests with behaviours that were refused, whole or in part, by reason."}, []string{"reason"}),
		behaviours: prometheus.NewCounter(prometheus.CounterOpts{Name: "pageheat_collect_behaviours_total",
			Help: "Behaviours that were taken over HTTP and acknowledged by Kafka."}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_collect_refused_total",
			Help: "Behaviours that were sent over HTTP and refused as invalid, by reason."}, []string{"reason"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "pageheat_collect_write_seconds",
			Help:    "How long Kafka took to acknowledge the behaviours of a request.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}}),
	}
	// A counter that begins with its first event has no increase to show.
	for _, status := range []int{http.StatusAccepted, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden,
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		m.requests.WithLabelValues(strconv.Itoa(status))
	}
	for _, why := range []string{whyOrigin, whyKey, whyType, whyEncoding, whyRequests, whyRate, whyTotal, whyBytes, whyBehaviours,
		whyBody, whyEmpty, whyInvalid, whyBusy, whyKafka} {
		m.why.WithLabelValues(why)
	}
	for _, code := range codec.Codes() {
		m.refused.WithLabelValues(string(code))
	}
	m.refused.WithLabelValues(ReasonPageNotAllowed)
	if r != nil {
		r.MustRegister(m.requests, m.why, m.behaviours, m.refused, m.seconds)
	}
	return m
}

// answered counts a request; why is empty where all of it was taken.
func (m *Metrics) answered(status int, why string) {
	m.requests.WithLabelValues(strconv.Itoa(status)).Inc()
	if why != "" {
		m.why.WithLabelValues(why).Inc()
	}
}
