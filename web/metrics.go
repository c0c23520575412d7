package web

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Reasons for refusing a request or a connection.
const (
	refusedHost      = "host"       // not in --allow-hosts
	refusedOrigin    = "origin"     // not in --allow-origins
	refusedToken     = "token"      // missing or wrong
	refusedPerClient = "per-client" // too many connections of one client
	refusedAll       = "all"        // too many connections in total
)

// metrics count refusals before a route is reached. A nil one counts nothing.
type metrics struct {
	requests    *prometheus.CounterVec
	connections *prometheus.CounterVec
	open        *prometheus.GaugeVec
}

// newMetrics returns metrics that are registered with r, unless it is nil.
func newMetrics(r prometheus.Registerer) *metrics {
	factory := promauto.With(r)
	m := &metrics{
		requests: factory.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_http_refused_requests_total",
			Help: "HTTP requests refused because of their host, origin or token."}, []string{"reason"}),
		connections: factory.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_http_refused_connections_total",
			Help: "Connections closed because one client (per-client) or all clients together (all) had reached the limit."}, []string{"listener", "reason"}),
		open: factory.NewGaugeVec(prometheus.GaugeOpts{Name: "pageheat_http_connections",
			Help: "Open HTTP connections."}, []string{"listener"}),
	}
	for _, reason := range []string{refusedHost, refusedOrigin, refusedToken} {
		m.requests.WithLabelValues(reason)
	}
	return m
}

func (m *metrics) refuse(reason string) {
	if m != nil {
		m.requests.WithLabelValues(reason).Inc()
	}
}

// Reasons for refusing a request with behaviours, in whole or in part.
const (
	whyOrigin     = "origin"     // of another site
	whyKey        = "key"        // missing or wrong
	whyType       = "type"       // not text or JSON in UTF-8
	whyEncoding   = "encoding"   // an encoding other than gzip
	whyRequests   = "requests"   // too many requests or bytes of one client at a time
	whyRate       = "rate"       // too many behaviours of one client
	whyTotal      = "total-rate" // too many behaviours of all clients
	whyBytes      = "bytes"      // too long
	whyBehaviours = "behaviours" // too many in one request
	whyBody       = "body"       // incomplete
	whyEmpty      = "empty"      // no behaviours
	whyInvalid    = "invalid"    // invalid behaviours
	whyBusy       = "busy"       // too many requests or bytes in total
	whyKafka      = "kafka"      // Kafka did not accept them
)

// collectMetrics count requests with behaviours.
type collectMetrics struct {
	requests *prometheus.CounterVec
	why      *prometheus.CounterVec
}

// newCollectMetrics returns metrics that are registered with r, unless it is nil.
func newCollectMetrics(r prometheus.Registerer) *collectMetrics {
	factory := promauto.With(r)
	m := &collectMetrics{
		requests: factory.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_collect_requests_total",
			Help: "Requests with behaviours, by HTTP status."}, []string{"status"}),
		why: factory.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_collect_refused_requests_total",
			Help: "Requests with behaviours refused in whole or in part, by reason."}, []string{"reason"}),
	}
	// A counter needs its initial 0 for its first increase to show.
	for _, status := range []int{http.StatusAccepted, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden,
		http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusTooManyRequests, http.StatusServiceUnavailable} {
		m.requests.WithLabelValues(strconv.Itoa(status))
	}
	for _, why := range []string{whyOrigin, whyKey, whyType, whyEncoding, whyRequests, whyRate, whyTotal, whyBytes, whyBehaviours,
		whyBody, whyEmpty, whyInvalid, whyBusy, whyKafka} {
		m.why.WithLabelValues(why)
	}
	return m
}

// answered counts a request; why is empty if all of it was accepted.
func (m *collectMetrics) answered(status int, why string) {
	m.requests.WithLabelValues(strconv.Itoa(status)).Inc()
	if why != "" {
		m.why.WithLabelValues(why).Inc()
	}
}
