package webserver

import "github.com/prometheus/client_golang/prometheus"

// Why a request or a connection is refused.
const (
	refusedHost      = "host"       // not in --allow-hosts
	refusedOrigin    = "origin"     // not in --allow-origins
	refusedToken     = "token"      // missing or wrong
	refusedPerClient = "per-client" // too many connections of one client
	refusedAll       = "all"        // too many connections of all
)

// Metrics count what is refused before a route answers. A nil one counts nothing.
type Metrics struct {
	requests    *prometheus.CounterVec
	connections *prometheus.CounterVec
	open        *prometheus.GaugeVec
}

// NewMetrics returns metrics that are registered with r, unless it is nil.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_http_refused_requests_total",
			Help: "Requests over HTTP that were refused for their host, origin or token."}, []string{"reason"}),
		connections: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_http_refused_connections_total",
			Help: "Connections that were closed since one client (per-client) or all together (all) had too many."}, []string{"listener", "reason"}),
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "pageheat_http_connections",
			Help: "Open connections of HTTP."}, []string{"listener"}),
	}
	for _, reason := range []string{refusedHost, refusedOrigin, refusedToken} {
		m.requests.WithLabelValues(reason)
	}
	if r != nil {
		r.MustRegister(m.requests, m.connections, m.open)
	}
	return m
}

func (m *Metrics) refuse(reason string) {
	if m != nil {
		m.requests.WithLabelValues(reason).Inc()
	}
}
