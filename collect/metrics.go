package collect

import "github.com/prometheus/client_golang/prometheus"

// Metrics count what a collector does.
type Metrics struct {
	requests   *prometheus.CounterVec
	behaviours prometheus.Counter
	refused    *prometheus.CounterVec
	seconds    prometheus.Histogram
}

// NewMetrics returns metrics that are registered with r, unless it is nil.
func NewMetrics(r prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_collect_requests_total",
			Help: "Requests with behaviours that were answered, by HTTP status."}, []string{"status"}),
		behaviours: prometheus.NewCounter(prometheus.CounterOpts{Name: "pageheat_collect_behaviours_total",
			Help: "Behaviours that were taken over HTTP and acknowledged by Kafka."}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_collect_refused_total",
			Help: "Behaviours that were sent over HTTP and refused as invalid, by reason."}, []string{"reason"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "pageheat_collect_write_seconds",
			Help:    "How long Kafka took to acknowledge the behaviours of a request.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}}),
	}
	if r != nil {
		r.MustRegister(m.requests, m.behaviours, m.refused, m.seconds)
	}
	return m
}
