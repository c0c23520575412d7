package collect

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"pageheat/codec"
)

// metrics count the work of a collector.
type metrics struct {
	behaviours prometheus.Counter
	refused    *prometheus.CounterVec
	seconds    prometheus.Histogram
}

// newMetrics returns metrics that are registered with r, unless it is nil.
func newMetrics(r prometheus.Registerer) *metrics {
	factory := promauto.With(r)
	m := &metrics{
		behaviours: factory.NewCounter(prometheus.CounterOpts{Name: "pageheat_collect_behaviours_total",
			Help: "Behaviours received over HTTP and acknowledged by Kafka."}),
		refused: factory.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_collect_refused_total",
			Help: "Behaviours received over HTTP and refused as invalid, by reason."}, []string{"reason"}),
		seconds: factory.NewHistogram(prometheus.HistogramOpts{Name: "pageheat_collect_write_seconds",
			Help:    "Time until Kafka acknowledged the behaviours of a request.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}}),
	}
	// A counter needs its initial 0 for its first increase to show.
	for _, code := range codec.Codes() {
		m.refused.WithLabelValues(string(code))
	}
	m.refused.WithLabelValues(ReasonPageNotAllowed)
	return m
}
