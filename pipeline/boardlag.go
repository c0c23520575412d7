package pipeline

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// boardLag is how long further boards have been overdue, by board. The seconds grow while a board waits for
// a heat partition, so they are computed when they are collected. It is safe for concurrent use.
type boardLag struct {
	seconds *prometheus.Desc

	mu  sync.Mutex
	due map[string]time.Time // when each board is as of a later time than now
}

func newBoardLag() *boardLag {
	return &boardLag{due: make(map[string]time.Time), seconds: prometheus.NewDesc("pageheat_rank_board_lag_seconds",
		"Time for which a further board has been overdue: since the clock showed the as_of that follows on that of its newest board. Only the owner of the ranking has it.",
		[]string{"board"}, nil)}
}

// set records when the next board of a name is due.
func (l *boardLag) set(board string, due time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.due[board] = due
}

// reset drops all boards.
func (l *boardLag) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.due)
}

// Describe implements prometheus.Collector.
func (l *boardLag) Describe(to chan<- *prometheus.Desc) { to <- l.seconds }

// Collect implements prometheus.Collector.
func (l *boardLag) Collect(to chan<- prometheus.Metric) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for board, due := range l.due {
		to <- prometheus.MustNewConstMetric(l.seconds, prometheus.GaugeValue, max(now.Sub(due).Seconds(), 0), board)
	}
}
