package pipeline

import (
	"errors"
	"fmt"
	"time"
)

// stall is an input partition that cannot be read. The other partitions go on.
type stall struct {
	at    int64 // the unreadable offset
	tries int
}

const (
	// firstRetry and longestRetry bound the pause before an unreadable batch is read
	// again: a replica that was repaired may have it.
	firstRetry   = time.Second
	longestRetry = 15 * time.Second
)

// stalled records an error of the partition and returns the pause before the next attempt.
// skip is the offset after the unreadable batch, 0 if unknown.
func (d *ingestDriver) stalled(offset, skip int64, err error) (pause time.Duration) {
	s := &d.stall
	if s.tries == 0 || s.at != offset {
		if s.tries == 0 {
			d.config.Metrics.inputUnreadable(d.part, true)
		}
		*s = stall{at: offset}
		attrs := []any{"topic", d.topic, "partition", d.part, "offset", offset, "error", err}
		if skip > offset {
			attrs = append(attrs, "hint", fmt.Sprintf("repair the broker's log; or give up offsets %d to %d: delete the records below offset %d with kafka-delete-records, which declares them lost", offset, skip-1, skip))
		} else {
			attrs = append(attrs, "hint", "repair the broker's log; or delete the unreadable records with kafka-delete-records, which declares them lost")
		}
		d.config.Logger.Error("an input partition is stalled: a batch cannot be read; retrying, the other partitions go on", attrs...)
	}
	s.tries++
	d.config.Conditions.Set("ingest", d.about(), fmt.Errorf("partition %d of %s is stalled at offset %d: %w", d.part, d.topic, offset, err))
	return min(firstRetry<<min(s.tries-1, 10), longestRetry)
}

// readUpTo records that the partition was read up to an offset.
func (d *ingestDriver) readUpTo(last int64) {
	if d.stall.tries == 0 || last < d.stall.at {
		return
	}
	d.config.Logger.Info("a stalled input partition is read again", "topic", d.topic, "partition", d.part, "offset", d.stall.at)
	d.endStall()
}

// endStall ends the stall, if there is one.
func (d *ingestDriver) endStall() {
	if d.stall.tries > 0 {
		d.stall = stall{}
		d.config.Metrics.inputUnreadable(d.part, false)
		d.config.Conditions.Set("ingest", d.about(), nil)
	}
}

func (d *ingestDriver) about() string { return fmt.Sprintf("input partition %d", d.part) }

// errStreaming says that a batch is too large to be read beside another such one.
var errStreaming = errors.New("the batch is read alone")
