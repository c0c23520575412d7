package audit

import (
	"cmp"
	"fmt"
	"slices"

	"pageheat/heat"
)

// Kind is what a difference is about.
type Kind string

// The kinds of differences.
const (
	// KindPage: a page's totals are not those of the recount.
	KindPage Kind = "page"
	// KindCounted: the count in a partition's progress is not the sum over its
	// pages.
	KindCounted Kind = "counted"
	// KindProgress: a partition's progress does not fit the topics.
	KindProgress Kind = "progress"
	// KindDeadLetter: an invalid message is not among the dead letters.
	KindDeadLetter Kind = "dead letter"
)

// Difference is one thing that is not as it has to be.
type Difference struct {
	Kind Kind
	// Topic, Partition say where: the table, or for a dead letter the input.
	Topic     string
	Partition int32
	// Offset of the message in the input, for a dead letter.
	Offset int64
	// Page, its totals in the table and those recounted, for a page. InTable and
	// InInput say whether the page is there at all.
	Page           string
	Table, Recount heat.Totals
	InTable        bool
	InInput        bool
	// Detail is the rest, in a sentence, for the other kinds.
	Detail string
}

// String is the difference in one line.
func (d Difference) String() string {
	where := fmt.Sprintf("%s/%d", d.Topic, d.Partition)
	switch {
	case d.Kind == KindDeadLetter:
		return fmt.Sprintf("%s offset %d: %s", where, d.Offset, d.Detail)
	case d.Kind != KindPage:
		return fmt.Sprintf("%s: %s", where, d.Detail)
	case !d.InTable:
		return fmt.Sprintf("%s page %q: the table does not hold it, recounted: %s", where, d.Page, inWords(&d.Recount))
	case !d.InInput:
		return fmt.Sprintf("%s page %q: not in the input, in the table: %s", where, d.Page, inWords(&d.Table))
	}
	return fmt.Sprintf("%s page %q: in the table: %s, recounted: %s", where, d.Page, inWords(&d.Table), inWords(&d.Recount))
}

func inWords(t *heat.Totals) string {
	return fmt.Sprintf("%d behaviours, %s clicks, %s minutes, %d likes",
		t.Behaviours, t.ClicksDecimal(), t.MinutesDecimal(), t.Likes)
}

func (d Difference) compare(o Difference) int {
	return cmp.Or(cmp.Compare(order(d.Kind), order(o.Kind)), cmp.Compare(d.Partition, o.Partition),
		cmp.Compare(d.Offset, o.Offset), cmp.Compare(d.Page, o.Page), cmp.Compare(d.Detail, o.Detail))
}

// order puts first what explains what follows.
func order(k Kind) int {
	return slices.Index([]Kind{KindProgress, KindCounted, KindPage, KindDeadLetter}, k)
}

// Partition is what was found in one partition of the table.
type Partition struct {
	Snapshot
	// Pages in the table.
	Pages int
	// Behaviours is the sum over these pages. It has to be Progress.Counted.
	Behaviours uint64
	// Recounted is how many valid behaviours of this partition the input holds
	// up to its progress.
	Recounted uint64
	// LostMessages is how many input messages retention took before this
	// partition had counted them, at most, over all input partitions.
	LostMessages uint64
}

// Report is what an audit found.
type Report struct {
	// Table and Input are the names of the topics.
	Table, Input string
	// Partitions of the table, in order.
	Partitions []Partition
	// Messages is how many messages of the input were recounted: those that at
	// least one partition's progress covers. Invalid is how many of them are no
	// behaviours.
	Messages, Invalid uint64
	// Behind is, by input partition, how many messages the table has not applied
	// yet: each table partition was read at its own progress, and these lie above
	// that of the partition that holds their page.
	Behind []uint64
	// Differences are at most Config.MaxDifferences of them, in order: those
	// about progress first, then by partition and page.
	Differences []Difference
	// DifferenceCount is how many there are in all.
	DifferenceCount int
	// DeadLettersChecked says whether every invalid message was looked for
	// among the dead letters; where it was not, DeadLettersWhyNot says why.
	DeadLettersChecked bool
	DeadLettersWhyNot  string
}

// Lost is how many input messages retention took before they were counted, at
// most. Each partition of the table knows of its own; a message that is gone for
// one is mostly gone for all, so the largest loss is given by input partition.
func (r *Report) Lost() uint64 {
	var most []uint64
	for _, p := range r.Partitions {
		for input, lost := range p.Progress.Lost {
			if input >= len(most) {
				most = append(most, make([]uint64, input+1-len(most))...)
			}
			most[input] = max(most[input], lost)
		}
	}
	var sum uint64
	for _, lost := range most {
		sum += lost
	}
	return sum
}

// NotApplied is how many messages of the input the table has not applied yet.
func (r *Report) NotApplied() uint64 {
	var sum uint64
	for _, n := range r.Behind {
		sum += n
	}
	return sum
}

// Pages is how many pages the table holds.
func (r *Report) Pages() int {
	sum := 0
	for _, p := range r.Partitions {
		sum += p.Pages
	}
	return sum
}

// Counted is how many behaviours the table holds.
func (r *Report) Counted() uint64 {
	sum := uint64(0)
	for _, p := range r.Partitions {
		sum += p.Behaviours
	}
	return sum
}

// Exact reports whether nothing differs and nothing was lost.
func (r *Report) Exact() bool { return r.DifferenceCount == 0 && r.Lost() == 0 }
