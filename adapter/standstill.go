package adapter

import (
	"errors"
	"fmt"
	"time"
)

// standstill is a partition that can not be read: it stands still, the others go on.
type standstill struct {
	at    int64 // the offset that can not be read
	tries int
}

const (
	// firstRetry and longestRetry bound the pause before an unreadable batch is read
	// again: a replica that was repaired may have it.
	firstRetry   = time.Second
	longestRetry = 15 * time.Second
)

// unreadable takes note of an error of the partition, and says after how long to try
// again. skip is the offset after what can not be read, 0 if it is not known.
func (f *ingestFeed) unreadable(offset, skip int64, err error) (pause time.Duration) {
	s := &f.still
	if s.tries == 0 || s.at != offset {
		if s.tries == 0 {
			f.config.Metrics.standsStill(f.part, true)
		}
		*s = standstill{at: offset}
		attrs := []any{"topic", f.topic, "partition", f.part, "offset", offset, "error", err}
		if skip > offset {
			attrs = append(attrs, "hint", fmt.Sprintf("repair the broker's log; or give up offsets %d to %d: delete the records below offset %d with kafka-delete-records, which declares them lost", offset, skip-1, skip))
		} else {
			attrs = append(attrs, "hint", "repair the broker's log; or delete the records that can not be read with kafka-delete-records, which declares them lost")
		}
		f.config.Logger.Error("an input partition can not be read and stands still; the others go on, and it is tried again", attrs...)
	}
	s.tries++
	f.config.Conditions.Set("ingest", f.about(), fmt.Errorf("partition %d of %s stands still at offset %d: %w", f.part, f.topic, offset, err))
	return min(firstRetry<<min(s.tries-1, 10), longestRetry)
}

// reads takes note that the partition was read up to an offset.
func (f *ingestFeed) reads(last int64) {
	if f.still.tries == 0 || last < f.still.at {
		return
	}
	f.config.Logger.Info("an input partition that stood still is read again", "topic", f.topic, "partition", f.part, "offset", f.still.at)
	f.moves()
}

// moves ends a standstill, if there is one.
func (f *ingestFeed) moves() {
	if f.still.tries > 0 {
		f.still = standstill{}
		f.config.Metrics.standsStill(f.part, false)
		f.config.Conditions.Set("ingest", f.about(), nil)
	}
}

func (f *ingestFeed) about() string { return fmt.Sprintf("input partition %d", f.part) }

// errStreaming says that a batch is too large to be read beside another such one.
var errStreaming = errors.New("the batch is read alone")
