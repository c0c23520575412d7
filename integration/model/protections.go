package model

import "reflect"

// Protections are the rules that keep the pipeline exact. Each can be taken
// away, to see that the model then finds what the rule is there for: a
// protection that can be left out without a violation is either not needed or
// not tested.
type Protections struct {
	// LowestAcknowledged: an input offset is committed once every target has
	// acknowledged the ranges below it. Without: once one target has.
	LowestAcknowledged bool
	// OneInFlight: per input partition and target, one packed message is on its
	// way at a time. Without: several, which arrive in any order.
	OneInFlight bool
	// ProgressPerInput: a heat partition keeps its progress for each input
	// partition. Without: one for all, the highest.
	ProgressPerInput bool
	// SecondRead: of a range that reaches across the progress, what was counted
	// before is read again and taken off. Without: it is counted twice.
	SecondRead bool
	// GapCheck: a range that begins above the progress is refused. Without: it
	// is applied as if it followed.
	GapCheck bool
	// ExactCheckpoint: a transaction writes the pages as they were at the checkpoint. Without:
	// as they are when they are written.
	ExactCheckpoint bool
	// Fencing: a take-over shuts out the writes of the owner before. Without:
	// each owner has a transactional.id of its own.
	Fencing bool
	// MonotonicLeaders: leaders older than those a board was made from are
	// ignored. Without: they are taken as they come.
	MonotonicLeaders bool
	// RankingEpoch: each ranking owner numbers its boards above those of every
	// owner before. Without: each begins at the same number.
	RankingEpoch bool

	// DeadLettersFirst: a range goes out once the dead letters of its offsets are
	// acknowledged. Without: at once.
	DeadLettersFirst bool
	// ReadCommitted: the input is read up to its last stable offset, without what was
	// aborted. Without: as it is.
	ReadCommitted bool
	// DeclareLost: what retention took unread is declared lost. Without: it is
	// passed over without a word.
	DeclareLost bool
	// KeptOffset: a kept store goes on without reading the changelog only where
	// no other owner wrote. Without: always.
	KeptOffset bool
	// StartFirst: where the behaviour topic begins is looked up before the
	// take-over. Without: after the restore, when the next owner may have
	// deleted more.
	StartFirst bool
	// OneDefinition: leaders chosen by other settings than the ranking's are not
	// ranked. Without: they are taken as if they were chosen by its own.
	OneDefinition bool
	// PartitionsInRanges: a range for another number of heat partitions is refused.
	// Without: it is applied as if its pages belonged here.
	PartitionsInRanges bool
	// LowestSent: a new ingest owner that looks at what was sent begins at the lowest,
	// over all heat partitions, of the offsets that it finds. Without: at the highest.
	LowestSent bool
	// BeginsUnknown: what was gone of an input partition before the table knew of it
	// is not lost. Without: it is declared lost.
	BeginsUnknown bool
	// OthersBoards: a ranking owner that sees a board of an earlier owner, newer
	// than what it began from, begins again from that. Without: it does not care.
	OthersBoards bool
}

// All are the protections as they are in production: every one of them.
func All() Protections {
	var p Protections
	for _, field := range reflect.ValueOf(&p).Elem().Fields() {
		field.SetBool(true)
	}
	return p
}
