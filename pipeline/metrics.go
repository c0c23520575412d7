package pipeline

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are what the roles of one instance tell Prometheus. They are safe for
// concurrent use.
type Metrics struct {
	refusedCommits prometheus.Counter
	unreadable     *prometheus.GaugeVec
	transactions   *prometheus.GaugeVec
	truncated      prometheus.Counter

	owned    *prometheus.GaugeVec
	inputLag *prometheus.GaugeVec
	lost     *prometheus.GaugeVec
	differ   prometheus.Gauge

	limitChanges prometheus.Counter
	flushes      prometheus.Counter
	behaviorLag  *prometheus.GaugeVec
	pages        *prometheus.GaugeVec
	counted      *prometheus.GaugeVec
	commits      prometheus.Histogram
	written      prometheus.Counter
	takeOvers    *prometheus.CounterVec
	restores     *prometheus.GaugeVec
	epoch        prometheus.Gauge
	failures     *prometheus.CounterVec
	trims        *prometheus.CounterVec
	stalled      *prometheus.GaugeVec
	unsupported  *prometheus.GaugeVec
}

// NewMetrics registers the metrics of the roles.
func NewMetrics(r prometheus.Registerer) *Metrics {
	gauges := func(name, help string, label string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{label})
	}
	m := &Metrics{
		owned:    gauges("pageheat_partitions_owned", "Partitions that this instance owns, by role.", "role"),
		inputLag: gauges("pageheat_ingest_lag_records", "Committed records of an input partition that are not read yet.", "partition"),
		lost: gauges("pageheat_heat_lost_records",
			"Maximum number of records of an input partition that retention deleted before they were counted, since the table was created. All instances with the role heat report the same value: take the maximum by partition.", "partition"),
		limitChanges: prometheus.NewCounter(prometheus.CounterOpts{Name: "pageheat_heat_limit_changes_total",
			Help: "Ranges validated with other limits than the range before: --max-clicks or --max-minutes differ between instances with the role ingest."}),
		differ: prometheus.NewGauge(prometheus.GaugeOpts{Name: "pageheat_rank_waiting_partitions",
			Help: "Heat partitions whose leaders were chosen by other settings than this instance's; the board is not updated until there are none."}),
		flushes: prometheus.NewCounter(prometheus.CounterOpts{Name: "pageheat_ingest_flushes_total",
			Help: "Flushes of ingest: ranges sent to all heat partitions."}),
		behaviorLag: gauges("pageheat_heat_lag_records", "Ranges of a heat partition that are not applied yet.", "partition"),
		pages:       gauges("pageheat_heat_pages", "Pages of a heat partition.", "partition"),
		counted:     gauges("pageheat_heat_counted_behaviours", "Behaviours in a heat partition.", "partition"),
		commits: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "pageheat_heat_commit_seconds",
			Help: "Time from the checkpoint of a commit to its acknowledgement.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 13)}),
		written: prometheus.NewCounter(prometheus.CounterOpts{Name: "pageheat_heat_pages_written_total",
			Help: "Pages written to the changelog."}),
		takeOvers: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_heat_take_overs_total",
			Help: "Take-overs of a heat partition by this instance that are complete."}, []string{"partition"}),
		restores: gauges("pageheat_heat_restore_seconds", "Duration of the restore at the last take-over of a heat partition that this instance owns.", "partition"),
		epoch: prometheus.NewGauge(prometheus.GaugeOpts{Name: "pageheat_rank_epoch",
			Help: "Epoch of the last board that this instance published."}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_failed_sessions_total",
			Help: "Sessions of a role's consumer group that failed or did not start."}, []string{"role"}),
		trims: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_trim_failures_total",
			Help: "Failed deletions of applied ranges from their topic."}, []string{"topic"}),
		stalled: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "pageheat_stalled_partitions",
			Help: "Owned partitions that are stalled, by role: committed records waited for a minute."}, []string{"role"}),
	}
	m.unsupported = gauges("pageheat_unsupported_features", "1 for each optional feature that the brokers do not support.", "feature")
	for _, role := range []string{"ingest", "heat", "rank"} {
		m.failures.WithLabelValues(role)
		m.stalled.WithLabelValues(role)
	}
	m.stalled.WithLabelValues(rolePages)
	m.refusedCommits = prometheus.NewCounter(prometheus.CounterOpts{Name: "pageheat_ingest_commit_failures_total",
		Help: "Commits of input offsets that failed or were refused; the next one covers them."})
	m.unreadable = gauges("pageheat_ingest_unreadable", "1 while an input partition is stalled at a batch that cannot be read.", "partition")
	m.transactions = gauges("pageheat_ingest_open_transaction_seconds", "Seconds that an input partition has waited behind a producer's open transaction; 0 if it does not wait.", "partition")
	m.truncated = prometheus.NewCounter(prometheus.CounterOpts{Name: "pageheat_ingest_cut_dead_letters_total",
		Help: "Dead letters that were truncated because their topic does not take the whole message."})
	r.MustRegister(m.refusedCommits, m.unreadable, m.transactions, m.truncated)
	r.MustRegister(m.failures, m.trims, m.stalled, m.unsupported, m.owned, m.inputLag, m.lost, m.limitChanges, m.differ, m.flushes, m.behaviorLag, m.pages, m.counted, m.commits, m.written, m.takeOvers, m.restores, m.epoch)
	return m
}

// commitRefused counts a commit of input offsets that was refused.
func (m *Metrics) commitRefused() { m.refusedCommits.Inc() }

// inputUnreadable records whether an input partition is unreadable.
func (m *Metrics) inputUnreadable(partition int32, still bool) {
	value := 0.0
	if still {
		value = 1
	}
	m.unreadable.WithLabelValues(label(partition)).Set(value)
}

// transactionOpen records how long an input partition waits for a transaction.
func (m *Metrics) transactionOpen(partition int32, open time.Duration) {
	m.transactions.WithLabelValues(label(partition)).Set(open.Seconds())
}

// truncatedDeadLetter counts a dead letter that is not the whole message.
func (m *Metrics) truncatedDeadLetter() { m.truncated.Inc() }

// owns records a session's partitions and drops the series of all others.
func (m *Metrics) owns(role string, s *session) {
	_, partitions := s.claims()
	m.owned.WithLabelValues(role).Set(float64(len(partitions)))
	switch role {
	case "ingest":
		m.inputLag.Reset()
		m.unreadable.Reset()
		m.transactions.Reset()
		for _, p := range partitions {
			m.inputUnreadable(p, false)
			m.transactionOpen(p, 0)
		}
	case "heat":
		m.behaviorLag.Reset()
		m.pages.Reset()
		m.counted.Reset()
		m.lost.Reset()
		m.restores.Reset()
	}
}

func label(partition int32) string { return strconv.Itoa(int(partition)) }

func (m *Metrics) flushed(partition int32, lag int64) {
	m.flushes.Inc()
	m.inputLag.WithLabelValues(label(partition)).Set(float64(max(lag, 0)))
}

// lostOf records the total loss of an input partition.
func (m *Metrics) lostOf(partition int32, records uint64) {
	m.lost.WithLabelValues(label(partition)).Set(float64(records))
}

func (m *Metrics) limitsChanged() { m.limitChanges.Inc() }

// differing records how many heat partitions the ranking waits for.
func (m *Metrics) differing(partitions int) { m.differ.Set(float64(partitions)) }

func (m *Metrics) applied(partition int32, pages int, counted uint64, lag int64) {
	p := label(partition)
	m.pages.WithLabelValues(p).Set(float64(pages))
	m.counted.WithLabelValues(p).Set(float64(counted))
	m.behaviorLag.WithLabelValues(p).Set(float64(max(lag, 0)))
}

// tookOver records a complete take-over and how long its restore took.
func (m *Metrics) tookOver(partition int32, restored time.Duration) {
	m.takeOvers.WithLabelValues(label(partition)).Inc()
	m.restores.WithLabelValues(label(partition)).Set(restored.Seconds())
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
