package adapter

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are what the roles of one instance tell Prometheus. They are safe for
// concurrent use.
type Metrics struct {
	owned       *prometheus.GaugeVec
	inputLag    *prometheus.GaugeVec
	inputLost   prometheus.Counter
	flushes     prometheus.Counter
	behaviorLag *prometheus.GaugeVec
	pages       *prometheus.GaugeVec
	counted     *prometheus.GaugeVec
	commits     prometheus.Histogram
	written     prometheus.Counter
	epoch       prometheus.Gauge
	failures    *prometheus.CounterVec
	trims       *prometheus.CounterVec
	stalled     *prometheus.GaugeVec
}

// NewMetrics registers the metrics of the roles.
func NewMetrics(r prometheus.Registerer) *Metrics {
	gauges := func(name, help string, label string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{label})
	}
	m := &Metrics{
		owned:    gauges("pageheat_partitions_owned", "Partitions that this instance owns, by role.", "role"),
		inputLag: gauges("pageheat_ingest_lag_records", "Records of an input partition that are not read yet.", "partition"),
		inputLost: prometheus.NewCounter(prometheus.CounterOpts{Name: "pageheat_ingest_lost_records_total",
			Help: "Records of the input that retention deleted before they were read, at most."}),
		flushes: prometheus.NewCounter(prometheus.CounterOpts{Name: "pageheat_ingest_flushes_total",
			Help: "Times that ingest sent ranges to all heat partitions."}),
		behaviorLag: gauges("pageheat_heat_lag_records", "Ranges of a heat partition that are not applied yet.", "partition"),
		pages:       gauges("pageheat_heat_pages", "Pages of a heat partition.", "partition"),
		counted:     gauges("pageheat_heat_counted_behaviours", "Behaviours in a heat partition.", "partition"),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "pageheat_heat_commit_seconds",
			Help: "Time from the cut of a commit to its acknowledgement.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 13)}),
		written: prometheus.NewCounter(prometheus.CounterOpts{Name: "pageheat_heat_pages_written_total",
			Help: "Changed pages that were written to the changelog."}),
		epoch: prometheus.NewGauge(prometheus.GaugeOpts{Name: "pageheat_rank_epoch",
			Help: "Epoch of the boards that this instance published last."}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_failed_sessions_total",
			Help: "Sessions of a role's consumer group that ended with an error, or did not come about."}, []string{"role"}),
		trims: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_trim_failures_total",
			Help: "Applied ranges that could not be deleted from their topic."}, []string{"topic"}),
		stalled: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "pageheat_stalled_partitions",
			Help: "Owned partitions with committed records that were not worked off for a minute, by role."}, []string{"role"}),
	}
	for _, role := range []string{"ingest", "heat", "rank"} {
		m.failures.WithLabelValues(role)
		m.stalled.WithLabelValues(role)
	}
	r.MustRegister(m.failures, m.trims, m.stalled, m.owned, m.inputLag, m.inputLost, m.flushes, m.behaviorLag, m.pages, m.counted, m.commits, m.written, m.epoch)
	return m
}

// owns takes note of a session's partitions; those of others are forgotten.
func (m *Metrics) owns(role string, s *session) {
	_, partitions := s.claims()
	m.owned.WithLabelValues(role).Set(float64(len(partitions)))
	switch role {
	case "ingest":
		m.inputLag.Reset()
	case "heat":
		m.behaviorLag.Reset()
		m.pages.Reset()
		m.counted.Reset()
	}
}

func label(partition int32) string { return strconv.Itoa(int(partition)) }

func (m *Metrics) flushed(partition int32, lag int64) {
	m.flushes.Inc()
	m.inputLag.WithLabelValues(label(partition)).Set(float64(max(lag, 0)))
}

func (m *Metrics) lost(records int64) { m.inputLost.Add(float64(records)) }

func (m *Metrics) applied(partition int32, pages int, counted uint64, lag int64) {
	p := label(partition)
	m.pages.WithLabelValues(p).Set(float64(pages))
	m.counted.WithLabelValues(p).Set(float64(counted))
	m.behaviorLag.WithLabelValues(p).Set(float64(max(lag, 0)))
}

func (m *Metrics) committed(pages int, took time.Duration) {
	m.commits.Observe(took.Seconds())
	m.written.Add(float64(pages))
}

// sessionFailed counts a session that ended with an error. A nil Metrics does not.
func (m *Metrics) sessionFailed(role string) {
	if m != nil {
		m.failures.WithLabelValues(role).Inc()
	}
}

// trimFailed counts ranges that could not be deleted. A nil Metrics does not.
func (m *Metrics) trimFailed(topic string) {
	if m != nil {
		m.trims.WithLabelValues(topic).Inc()
	}
}
