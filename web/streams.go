package web

import (
	"net/netip"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Reasons for refusing an event stream.
const (
	streamsOfClient = "per-client"
	streamsOfAll    = "all"
)

// operatorStreams is the number of extra event streams for an address only for operators.
const operatorStreams = 100

// streamMetrics count event streams.
type streamMetrics struct {
	open    prometheus.Gauge
	refused *prometheus.CounterVec
	dropped prometheus.Counter
}

// newStreamMetrics returns metrics that are registered with r, unless it is nil.
func newStreamMetrics(r prometheus.Registerer) *streamMetrics {
	factory := promauto.With(r)
	m := &streamMetrics{
		open: factory.NewGauge(prometheus.GaugeOpts{Name: "pageheat_event_streams",
			Help: "Open event streams."}),
		refused: factory.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_event_streams_refused_total",
			Help: "Event streams refused because one client (per-client) or all clients together (all) had too many."}, []string{"reason"}),
		dropped: factory.NewCounter(prometheus.CounterOpts{Name: "pageheat_event_streams_dropped_total",
			Help: "Event streams ended because their client stopped reading."}),
	}
	m.refused.WithLabelValues(streamsOfClient)
	m.refused.WithLabelValues(streamsOfAll)
	return m
}

// streamPlaces limits event streams. It is safe for concurrent use.
type streamPlaces struct {
	most, perClient int
	metrics         *streamMetrics

	mu        sync.Mutex
	everybody int
	operators int
	clients   map[netip.Addr]int
}

// take takes a slot for a client, or returns the reason why there is none. The caller calls
// leave at the end.
func (s *streamPlaces) take(client netip.Addr, operator bool) (leave func(), why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case operator && s.operators >= operatorStreams, !operator && s.everybody >= s.most:
		why = streamsOfAll
	case !operator && s.clients[client] >= s.perClient:
		why = streamsOfClient
	}
	if why != "" {
		s.metrics.refused.WithLabelValues(why).Inc()
		return nil, why
	}
	s.count(client, operator, 1)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.count(client, operator, -1)
	}, ""
}

// count adds to the number of a client's streams; the lock is held.
func (s *streamPlaces) count(client netip.Addr, operator bool, n int) {
	s.metrics.open.Add(float64(n))
	if operator {
		s.operators += n
		return
	}
	s.everybody += n
	if s.clients[client] += n; s.clients[client] == 0 {
		delete(s.clients, client)
	}
}

// drop counts a client that did not read.
func (s *streamPlaces) drop() { s.metrics.dropped.Inc() }
