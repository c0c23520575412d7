package audit

import (
	"cmp"
	"fmt"
	"slices"

	"pageheat/heat"
	"pageheat/snapshot"
)

// Kind is the kind of a difference.
type Kind string

// The kinds of differences.
const (
	// KindPage: a page's totals differ from the recount.
	KindPage Kind = "page"
	// KindCounted: the count in a partition's progress differs from the sum over its pages.
	KindCounted Kind = "counted"
	// KindProgress: a partition's progress does not fit the topics.
	KindProgress Kind = "progress"
	// KindDeadLetter: an invalid message has no dead letter.
	KindDeadLetter Kind = "dead letter"
)

// Difference is one difference.
type Difference struct {
	Kind Kind
	// Topic and Partition are the place: in the table, or in the input for a dead letter.
	Topic     string
	Partition int32
	// Offset is the message's offset in the input, for a dead letter.
	Offset int64
	// Page is the name, with the totals in the table and those recounted, for a page. InTable
	// and InInput report whether the page exists there.
	Page           string
	Table, Recount heat.Totals
	InTable        bool
	InInput        bool
	// Detail describes the difference in a sentence, for the other kinds.
	Detail string
}

// String describes the difference in one line.
func (d Difference) String() string {
	where := fmt.Sprintf("%s/%d", d.Topic, d.Partition)
	switch {
	case d.Kind == KindDeadLetter:
		return fmt.Sprintf("%s offset %d: %s", where, d.Offset, d.Detail)
	case d.Kind != KindPage:
		return fmt.Sprintf("%s: %s", where, d.Detail)
	case !d.InTable:
		return fmt.Sprintf("%s page %q: missing in the table, recounted: %s", where, d.Page, inWords(&d.Recount))
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

// order puts causes before their effects.
func order(k Kind) int {
	return slices.Index([]Kind{KindProgress, KindCounted, KindPage, KindDeadLetter}, k)
}

// Partition is the result for one partition of the table.
type Partition struct {
	snapshot.State
	// Pages in the table.
	Pages int
	// Behaviours is the sum over these pages, and Unswept that over pages that are dropped and not removed from the table
	// yet. Together they must equal Progress.Counted.
	Behaviours, Unswept uint64
	// Recounted is the number of valid behaviours of this partition in the input, up to its
	// progress.
	Recounted uint64
	// ForgottenPages is the number of pages that the partition was asked to forget, and BlockedPages that of
	// those among them that are not counted any more.
	ForgottenPages, BlockedPages int
	// Sweeps is how often the partition has dropped pages because they had no behaviour for a time.
	Sweeps int
	// LostMessages is the maximum number of input messages, over all input partitions, that
	// retention deleted before this partition counted them.
	LostMessages uint64
}

// Report is the result of an audit.
type Report struct {
	// Table and Input are the names of the topics.
	Table, Input string
	// Partitions of the table, in order.
	Partitions []Partition
	// Messages is the number of recounted messages: those that the progress of at least one
	// partition covers. Invalid is how many of them are not behaviours.
	Messages, Invalid uint64
	// Forgotten is how many behaviours do not count because their pages were forgotten after them, or are
	// blocked.
	Forgotten uint64
	// Dropped is how many behaviours do not count because their pages were dropped after them, for want of behaviours.
	Dropped uint64
	// Behind is, by input partition, the number of messages that the table has not applied yet:
	// they are above the progress of their page's partition.
	Behind []uint64
	// Differences are the first Config.MaxDifferences ones: those of the progress first, then
	// by partition and page.
	Differences []Difference
	// DifferenceCount is the total number of differences.
	DifferenceCount int
	// DeadLettersChecked reports whether every invalid message was checked for a dead letter.
	// If not, DeadLettersWhyNot has the reason.
	DeadLettersChecked bool
	DeadLettersWhyNot  string
}

// Lost is the maximum number of input messages that retention deleted before they were counted.
// Each partition of the table tracks its own. A message that is lost for one partition is
// usually lost for all, so this uses the largest loss for each input partition.
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

// NotApplied is the number of input messages that the table has not applied yet.
func (r *Report) NotApplied() uint64 {
	var sum uint64
	for _, n := range r.Behind {
		sum += n
	}
	return sum
}

// Pages is the number of pages in the table.
func (r *Report) Pages() int {
	sum := 0
	for _, p := range r.Partitions {
		sum += p.Pages
	}
	return sum
}

// ForgottenPages is the number of pages that were forgotten, and how many of them are blocked.
func (r *Report) ForgottenPages() (pages, blocked int) {
	for _, p := range r.Partitions {
		pages += p.ForgottenPages
		blocked += p.BlockedPages
	}
	return pages, blocked
}

// Sweeps is how often partitions have dropped pages because they had no behaviour for a time.
func (r *Report) Sweeps() int {
	sum := 0
	for _, p := range r.Partitions {
		sum += p.Sweeps
	}
	return sum
}

// Exact reports whether nothing differs and nothing was lost.
func (r *Report) Exact() bool { return r.DifferenceCount == 0 && r.Lost() == 0 }
