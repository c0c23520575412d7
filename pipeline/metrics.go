package pipeline

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"pageheat/codec"
)

// Metrics are what the roles of one instance tell Prometheus. They are safe for
// concurrent use.
type Metrics struct {
	owned       *prometheus.GaugeVec
	failures    *prometheus.CounterVec
	stalled     *prometheus.GaugeVec
	trims       *prometheus.CounterVec
	unsupported *prometheus.GaugeVec
	rebalances  *prometheus.HistogramVec

	inputLag       *lag
	flushes        prometheus.Counter
	flushRecords   prometheus.Histogram
	ingested       prometheus.Histogram
	refusedCommits prometheus.Counter
	unreadable     *prometheus.GaugeVec
	transactions   *prometheus.GaugeVec
	truncated      prometheus.Counter

	behaviorLag  *lag
	pages        *prometheus.GaugeVec
	counted      *prometheus.GaugeVec
	commits      prometheus.Histogram
	commitPages  prometheus.Histogram
	commitTimes  *prometheus.GaugeVec
	written      prometheus.Counter
	takeOvers    *prometheus.CounterVec
	restores     *prometheus.GaugeVec
	restoring    *prometheus.GaugeVec
	limitChanges prometheus.Counter
	blocked      prometheus.Counter
	dropped      prometheus.Counter
	forgotten    *prometheus.GaugeVec
	deleted      *prometheus.GaugeVec
	lost         *prometheus.GaugeVec

	differ     prometheus.Gauge
	differOn   *prometheus.GaugeVec
	boardLag   *boardLag
	late       *prometheus.GaugeVec
	epoch      prometheus.Gauge
	boards     prometheus.Counter
	boardTime  prometheus.Gauge
	boardEvery prometheus.Histogram
	endToEnd   prometheus.Histogram

	events    *prometheus.CounterVec
	eventTime prometheus.Histogram
}

// NewMetrics registers the metrics of the roles.
func NewMetrics(r prometheus.Registerer) *Metrics {
	factory := promauto.With(r)
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return factory.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	}
	gauge := func(name, help string) prometheus.Gauge {
		return factory.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	counters := func(name, help, label string) *prometheus.CounterVec {
		return factory.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, []string{label})
	}
	counter := func(name, help string) prometheus.Counter {
		return factory.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return factory.NewHistogram(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets})
	}
	short := prometheus.ExponentialBuckets(0.005, 2, 13) // 5 ms to 20 s
	sizes := prometheus.ExponentialBuckets(1, 4, 10)     // 1 to 262,144
	m := &Metrics{
		owned:       gauges("pageheat_partitions_owned", "Partitions that this instance owns, by role.", "role"),
		failures:    counters("pageheat_failed_sessions_total", "Sessions of a role's consumer group that failed or did not start.", "role"),
		stalled:     gauges("pageheat_stalled_partitions", "Owned partitions that are stalled, by role: committed records waited for a minute.", "role"),
		trims:       counters("pageheat_trim_failures_total", "Failed deletions of applied ranges from their topic.", "topic"),
		unsupported: gauges("pageheat_unsupported_features", "1 for each optional feature that the brokers do not support.", "feature"),
		rebalances: factory.NewHistogramVec(prometheus.HistogramOpts{Name: "pageheat_rebalance_seconds",
			Help:    "Time that a role was without a session of its consumer group, at its start and in rebalances, until it had restored its partitions.",
			Buckets: prometheus.ExponentialBuckets(0.05, 2, 13)}, []string{"role"}), // 50 ms to 3.4 min

		inputLag: newLag("pageheat_ingest", "Committed records of an input partition that are not read yet.",
			"Age of the input record that was read last, by its timestamp, while committed records follow it; 0 if none do."),
		flushes:        counter("pageheat_ingest_flushes_total", "Flushes of ingest: ranges sent to all heat partitions."),
		flushRecords:   histogram("pageheat_ingest_flush_records", "Input records in a flush.", sizes),
		ingested:       histogram("pageheat_ingest_latency_seconds", "Time from the timestamp of the oldest input record in a flush to the acknowledgement of its ranges.", short),
		refusedCommits: counter("pageheat_ingest_commit_failures_total", "Commits of input offsets that failed or were refused; the next one covers them."),
		unreadable:     gauges("pageheat_ingest_unreadable", "1 while an input partition is stalled at a batch that cannot be read.", "partition"),
		transactions:   gauges("pageheat_ingest_open_transaction_seconds", "Seconds that an input partition has waited behind a producer's open transaction; 0 if it does not wait.", "partition"),
		truncated:      counter("pageheat_ingest_cut_dead_letters_total", "Dead letters that were truncated because their topic does not take the whole message."),

		behaviorLag: newLag("pageheat_heat", "Ranges of a heat partition that are not applied yet.",
			"Age of the range that was applied last, by its timestamp, while ranges follow it; 0 if none do."),
		pages:        gauges("pageheat_heat_pages", "Pages of a heat partition.", "partition"),
		counted:      gauges("pageheat_heat_counted_behaviours", "Behaviours in a heat partition.", "partition"),
		commits:      histogram("pageheat_heat_commit_seconds", "Time from the checkpoint of a commit to its acknowledgement.", short),
		commitPages:  histogram("pageheat_heat_commit_pages", "Pages written by a commit.", sizes),
		commitTimes:  gauges("pageheat_heat_last_commit_timestamp_seconds", "Unix time of the last commit of a heat partition by this instance. Nothing is committed while nothing changes.", "partition"),
		written:      counter("pageheat_heat_pages_written_total", "Pages written to the changelog."),
		takeOvers:    counters("pageheat_heat_take_overs_total", "Take-overs of a heat partition by this instance that are complete.", "partition"),
		restores:     gauges("pageheat_heat_restore_seconds", "Duration of the restore at the last take-over of a heat partition that this instance owns.", "partition"),
		restoring:    gauges("pageheat_heat_restore_remaining_records", "Offsets of the changelog that the restore of a heat partition has not read yet. There is no series without a restore.", "partition"),
		limitChanges: counter("pageheat_heat_limit_changes_total", "Ranges validated with other limits than the range before: --max-clicks or --max-minutes differ between instances with the role ingest."),
		blocked:      counter("pageheat_heat_blocked_behaviours_total", "Behaviours that were not counted because their page is blocked."),
		dropped:      counter("pageheat_heat_dropped_pages_total", "Pages that were dropped because they had no behaviour for the time of --forget-after."),
		forgotten:    gauges("pageheat_heat_forgotten_pages", "Requests to forget pages that a heat partition has taken in.", "partition"),
		deleted:      gauges("pageheat_heat_deleted_pages", "Pages that another program has deleted from a heat partition, which waits until they are asked to be forgotten.", "partition"),
		lost: gauges("pageheat_heat_lost_records",
			"Maximum number of records of an input partition that retention deleted before they were counted, since the table was created. All instances with the role heat report the same value: take the maximum by partition.", "partition"),

		differ:     gauge("pageheat_rank_waiting_partitions", "Heat partitions whose leaders were chosen by other settings than this instance's; the board is not updated until there are none."),
		differOn:   gauges("pageheat_rank_board_waiting_partitions", "Heat partitions that define a further board in another way than this instance, or do not have it; the board is not updated until there are none.", "board"),
		boardLag:   newBoardLag(),
		late:       gauges("pageheat_heat_late_behaviours", "Behaviours of a heat partition that came too late for a further board: they are in all-time alone.", "board", "partition"),
		epoch:      gauge("pageheat_rank_epoch", "Epoch of the ranking that this instance took last; part of the version of its boards."),
		boards:     counter("pageheat_rank_boards_total", "Boards that this instance published."),
		boardTime:  gauge("pageheat_rank_last_board_timestamp_seconds", "Unix time at which this instance published its last board; 0 if it has published none. A board is published when it changes."),
		boardEvery: histogram("pageheat_rank_board_interval_seconds", "Time between two boards that this instance published.", prometheus.ExponentialBuckets(0.01, 2, 13)), // 10 ms to 41 s
		endToEnd:   histogram("pageheat_end_to_end_latency_seconds", "Time from the timestamp of the oldest input record that a board is the first to count to the acknowledgement of the board.", short),

		events:    counters("pageheat_events_total", "Events of boards that this instance wrote, by kind.", "event"),
		eventTime: histogram("pageheat_events_latency_seconds", "Time from the making of a board to the commit of its events.", short),
	}
	for _, kind := range codec.EventKinds() {
		m.events.WithLabelValues(string(kind))
	}
	for _, role := range []string{"ingest", "heat", "rank"} {
		m.failures.WithLabelValues(role)
		m.stalled.WithLabelValues(role)
		m.rebalances.WithLabelValues(role)
	}
	m.stalled.WithLabelValues(RolePages)
	r.MustRegister(m.inputLag, m.behaviorLag, m.boardLag)
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
		m.inputLag.reset()
		m.unreadable.Reset()
		m.transactions.Reset()
		for _, p := range partitions {
			m.inputUnreadable(p, false)
			m.transactionOpen(p, 0)
		}
	case "heat":
		m.behaviorLag.reset()
		m.pages.Reset()
		m.counted.Reset()
		m.lost.Reset()
		m.restores.Reset()
		m.restoring.Reset()
		m.commitTimes.Reset()
	case "rank":
		m.boardLag.reset()
		m.differ.Set(0)
		m.differOn.Reset()
	}
}

func label(partition int32) string { return strconv.Itoa(int(partition)) }

// flushed records a flush of an input partition: its number of records, how many committed
// ones follow, and the timestamp of the last.
func (m *Metrics) flushed(partition int32, records int, behind int64, last time.Time) {
	m.flushes.Inc()
	m.flushRecords.Observe(float64(records))
	m.inputLag.set(partition, behind, last)
}

// lostOf records the total loss of an input partition.
func (m *Metrics) lostOf(partition int32, records uint64) {
	m.lost.WithLabelValues(label(partition)).Set(float64(records))
}

func (m *Metrics) limitsChanged() { m.limitChanges.Inc() }

// blockedBehaviours records behaviours of blocked pages.
func (m *Metrics) blockedBehaviours(n uint64) {
	if n > 0 {
		m.blocked.Add(float64(n))
	}
}

// forgot records how many requests to forget pages a heat partition has taken in.
func (m *Metrics) forgot(partition int32, taken uint64) {
	m.forgotten.WithLabelValues(label(partition)).Set(float64(taken))
}

// droppedPages counts pages that were dropped for want of a behaviour.
func (m *Metrics) droppedPages(n uint64) {
	if n > 0 {
		m.dropped.Add(float64(n))
	}
}

// awaitsForgets sets the number of deleted pages that a heat partition waits for; 0 if it does not wait.
func (m *Metrics) awaitsForgets(partition int32, pages int) {
	m.deleted.WithLabelValues(label(partition)).Set(float64(pages))
}

// differing records how many heat partitions the ranking waits for.
func (m *Metrics) differing(partitions int) { m.differ.Set(float64(partitions)) }

// differingOn records the same of a further board.
func (m *Metrics) differingOn(board string, partitions int) {
	m.differOn.WithLabelValues(board).Set(float64(partitions))
}

// boardDue records when the next board of a name is due.
func (m *Metrics) boardDue(board string, due time.Time) { m.boardLag.set(board, due) }

// lateFor records how many behaviours of a heat partition came too late for a board.
func (m *Metrics) lateFor(board string, partition int32, late uint64) {
	m.late.WithLabelValues(board, label(partition)).Set(float64(late))
}

// applied records the state of a heat partition: how many ranges follow, and the timestamp
// of the last one that was applied.
func (m *Metrics) applied(partition int32, pages int, counted uint64, behind int64, last time.Time) {
	p := label(partition)
	m.pages.WithLabelValues(p).Set(float64(pages))
	m.counted.WithLabelValues(p).Set(float64(counted))
	m.behaviorLag.set(partition, behind, last)
}

// restore records how many offsets of the changelog a restore still has to read; 0 ends it.
func (m *Metrics) restore(partition int32, remaining int64) {
	if remaining <= 0 {
		m.restoring.DeleteLabelValues(label(partition))
		return
	}
	m.restoring.WithLabelValues(label(partition)).Set(float64(remaining))
}

// tookOver records a complete take-over and how long its restore took.
func (m *Metrics) tookOver(partition int32, restored time.Duration) {
	m.takeOvers.WithLabelValues(label(partition)).Inc()
	m.restores.WithLabelValues(label(partition)).Set(restored.Seconds())
}

// committed records a commit of a heat partition.
func (m *Metrics) committed(partition int32, pages int, took time.Duration) {
	m.commits.Observe(took.Seconds())
	m.commitPages.Observe(float64(pages))
	m.written.Add(float64(pages))
	m.commitTimes.WithLabelValues(label(partition)).SetToCurrentTime()
}

// published records a board, and how long ago the one before was; 0 if there is none.
func (m *Metrics) published(now time.Time, after time.Duration) {
	m.boards.Inc()
	m.boardTime.Set(float64(now.UnixMilli()) / 1000)
	if after > 0 {
		m.boardEvery.Observe(after.Seconds())
	}
}

// happened records events that were committed. Of several boards, the oldest waited longest.
func (m *Metrics) happened(all []codec.Event, now time.Time) {
	for i := range all {
		m.events.WithLabelValues(string(all[i].Kind)).Inc()
	}
	if len(all) > 0 {
		m.eventTime.Observe(max(0, now.Sub(all[0].At).Seconds()))
	}
}

// rebalanced records how long a role had no session. A nil Metrics does not.
func (m *Metrics) rebalanced(role string, took time.Duration) {
	if m != nil {
		m.rebalances.WithLabelValues(role).Observe(took.Seconds())
	}
}

// sessionFailed counts a session that ended with an error. A nil Metrics does not.
func (m *Metrics) sessionFailed(role string) {
	if m != nil {
		m.failures.WithLabelValues(role).Inc()
	}
}

// trimEnded counts ranges that could not be deleted. The series begins with the first attempt, so
// that an alert sees the first failure as an increase. A nil Metrics does not count.
func (m *Metrics) trimEnded(topic string, err error) {
	if m == nil {
		return
	}
	failed := m.trims.WithLabelValues(topic)
	if err != nil {
		failed.Inc()
	}
}
