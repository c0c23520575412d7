package pipeline

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// lag is the lag of a role by partition, in records and in seconds. The seconds grow while
// a role that is behind does nothing, so they are computed when they are collected. It is
// safe for concurrent use.
type lag struct {
	records, seconds *prometheus.Desc

	mu         sync.Mutex
	partitions map[int32]reached
}

// reached is where a role is in a partition: how many records follow, and the timestamp of
// the record read last, zero if there is none.
type reached struct {
	behind int64
	last   time.Time
}

func newLag(prefix, records, seconds string) *lag {
	labels := []string{"partition"}
	return &lag{partitions: make(map[int32]reached),
		records: prometheus.NewDesc(prefix+"_lag_records", records, labels, nil),
		seconds: prometheus.NewDesc(prefix+"_lag_seconds", seconds, labels, nil)}
}

// set records where the role is in a partition. A negative number of records is 0.
func (l *lag) set(partition int32, behind int64, last time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.partitions[partition] = reached{behind: max(behind, 0), last: last}
}

// reset drops all partitions.
func (l *lag) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	clear(l.partitions)
}

// Describe implements prometheus.Collector.
func (l *lag) Describe(to chan<- *prometheus.Desc) {
	to <- l.records
	to <- l.seconds
}

// Collect implements prometheus.Collector.
func (l *lag) Collect(to chan<- prometheus.Metric) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	for partition, at := range l.partitions {
		age := 0.0
		if at.behind > 0 && !at.last.IsZero() {
			age = max(now.Sub(at.last).Seconds(), 0)
		}
		to <- prometheus.MustNewConstMetric(l.records, prometheus.GaugeValue, float64(at.behind), label(partition))
		to <- prometheus.MustNewConstMetric(l.seconds, prometheus.GaugeValue, age, label(partition))
	}
}
