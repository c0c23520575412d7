package kafka

import (
	"time"
)

// transactionWait is a partition that waits for a transaction of a producer to end:
// nothing behind its first record can be read as committed.
type transactionWait struct {
	at    int64     // where the transaction begins
	since time.Time // zero if there is none
	told  bool
}

// transactionPatience is how long a transaction may be open before it is reported. Producers end theirs within seconds, or at the latest after
// transaction.timeout.ms, one minute by default.
const transactionPatience = 30 * time.Second

// watchTransaction records what a fetch response says about the end of a partition.
func (f *fetcher) watchTransaction(c *Claim) {
	stable, end := c.stable.Load(), c.end.Load()
	w := &c.waits
	waiting := stable < end && c.next >= stable
	log := f.logger.With("topic", c.topic, "partition", c.partition)
	if w.told && (!waiting || stable != w.at) {
		log.Info("the open transaction that an input partition waited behind has ended", "offset", w.at, "after", time.Since(w.since).Round(time.Second))
	}
	if !waiting {
		if !w.since.IsZero() {
			f.waiting(c.partition, 0)
		}
		*w = transactionWait{}
		return
	}
	if w.since.IsZero() || w.at != stable {
		*w = transactionWait{at: stable, since: time.Now()}
	}
	open := time.Since(w.since)
	f.waiting(c.partition, open)
	if open >= transactionPatience && !w.told {
		w.told = true
		log.Warn("an input partition waits behind an open transaction: later records cannot be read until its producer ends it",
			"offset", stable, "end", end, "records_at_most", end-stable,
			"hint", `end it, or wait for its timeout; "kafka-transactions find-hanging" and "abort" end one that hangs`)
	}
}
