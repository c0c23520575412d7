package model

import "reflect"

// Protections are the rules that keep the pipeline exact. Each can be turned off, and the model
// must then find a violation. A protection that can be turned off without a violation is either
// not needed or not tested.
type Protections struct {
	// LowestAcknowledged: an input offset is committed once every target has acknowledged the
	// ranges below it. Without: once one target has.
	LowestAcknowledged bool
	// OneInFlight: per input partition and target, one packed message is in flight at a time.
	// Without: several, which arrive in any order.
	OneInFlight bool
	// ProgressPerInput: a heat partition keeps its progress for each input partition. Without:
	// one for all, the highest.
	ProgressPerInput bool
	// SecondRead: if a range overlaps the progress, the part counted before is read again and
	// subtracted. Without: it is counted twice.
	SecondRead bool
	// GapCheck: a range that starts above the progress is refused. Without: it is applied as if
	// it followed.
	GapCheck bool
	// ExactCheckpoint: a transaction writes the pages as of the checkpoint. Without: as of the
	// time of writing.
	ExactCheckpoint bool
	// Fencing: a take-over fences the writes of the previous owner. Without: each owner has its
	// own transactional.id.
	Fencing bool
	// MonotonicLeaders: leaders older than those of a board are ignored. Without: they are used
	// as they arrive.
	MonotonicLeaders bool
	// RankingEpoch: each ranking owner numbers its boards above those of all previous owners.
	// Without: each starts at the same number.
	RankingEpoch bool

	// DeadLettersFirst: a range is sent once the dead letters of its offsets are acknowledged.
	// Without: at once.
	DeadLettersFirst bool
	// ReadCommitted: the input is read up to its last stable offset, without aborted records.
	// Without: all of it is read.
	ReadCommitted bool
	// DeclareLost: input that retention deleted unread is reported as lost. Without: it is
	// skipped silently.
	DeclareLost bool
	// KeptOffset: a kept store continues without reading the changelog only if no other owner
	// wrote. Without: always.
	KeptOffset bool
	// StartFirst: the start of the behaviour topic is looked up before the take-over. Without:
	// after the restore, when the next owner may have deleted more.
	StartFirst bool
	// OneDefinition: leaders chosen with settings other than the ranking's are not ranked.
	// Without: they are used anyway.
	OneDefinition bool
	// PartitionsInRanges: a range for a different number of heat partitions is refused.
	// Without: it is applied anyway.
	PartitionsInRanges bool
	// LowestSent: a new ingest owner that looks up what was sent starts at the lowest, over all
	// heat partitions, of the offsets that it finds. Without: at the highest.
	LowestSent bool
	// BeginsUnknown: input that was deleted before the table knew the input partition is not
	// lost. Without: it is reported as lost.
	BeginsUnknown bool
	// OthersBoards: a ranking owner that sees a board of an earlier owner, newer than the one
	// it started from, starts over from that board. Without: it ignores it.
	OthersBoards bool

	// TimeInProgress: the progress of a heat partition has the T of its boards. Without: it has not, and
	// a new owner begins with its own clock.
	TimeInProgress bool
	// LaterTime: a new owner's T is the greater of the progress's and its clock. Without: its clock.
	LaterTime bool
	// TurnKeepsRecord: a page that an open checkpoint is to write keeps its record when a board turns.
	// Without: it is written with what it has later.
	TurnKeepsRecord bool
	// WholeTurns: leaders have a board only as of a T that all pages are as of. Without: also while it
	// turns.
	WholeTurns bool
	// NumbersOnce: the number of a board that was removed is not used again. Without: it is.
	NumbersOnce bool
	// OneSlot: the ranking merges leaders of a board that are as of one slot. Without: all.
	OneSlot bool
	// OneBoard: leaders of a board of the same name and another definition are refused. Without:
	// they are used.
	OneBoard bool
	// TimeInHeaders: the headers of all boards have the T of each, so that none is published as of
	// an earlier one. Without: they have not.
	TimeInHeaders bool
	// FirstGroups: a heat partition sends the pages of its first groups by name, as many as may have boards.
	// Without: of one fewer.
	FirstGroups bool
	// FirstOfGroups: leaders of a board with a maximum for each group are the first pages with that maximum.
	// Without: the first pages.
	FirstOfGroups bool
	// EmptyGroups: a group whose pages are on the board no more gets an empty board. Without: its last board
	// stays.
	EmptyGroups bool
	// OldGroups: a new owner of the ranking finds all boards of groups that have pages. Without: those of the last
	// boards.
	OldGroups bool

	// NewestTitle: a page has the title of its newest behaviour with one. Without: of the range that came last.
	NewestTitle bool
	// TitleInTable: the record of a page has its title. Without: it has not.
	TitleInTable bool

	// HeldLeaders: leaders are not sent before the commit that forgets pages. Without: at once.
	HeldLeaders bool
	// ForgetInProgress: the progress of a heat partition has the offset in the forget topic. Without: it has not,
	// and a new owner takes requests in that were taken in before.
	ForgetInProgress bool
	// ForgottenInTable: the table has which pages are forgotten. Without: a new owner does not know them.
	ForgottenInTable bool
	// MarkedTombstones: a tombstone of a page that is forgotten says that pageheat wrote it. Without: it is taken
	// for that of another program.
	MarkedTombstones bool
	// AnswerInTransaction: the answer to a request is written in the transaction that forgets the page. Without: at once.
	AnswerInTransaction bool
	// BlockedPages: behaviours of pages that are blocked are not counted. Without: they are.
	BlockedPages bool
	// ForgottenReread: the second read has the pages that are forgotten, too. Without: it leaves them out.
	ForgottenReread bool
	// ForgottenTitles: a page that is forgotten is not called what a behaviour calls it that was counted before, if a
	// range overlaps the progress. Without: it is called what the whole range says.
	ForgottenTitles bool
	// MonotonicForgets: leaders with fewer requests in than those of a board are ignored. Without: they are used.
	MonotonicForgets bool

	// DayInTable: the record of a page has the day of its newest behaviour. Without: it has not, and a new owner drops it
	// with the next sweep.
	DayInTable bool
	// SweepInTable: the transaction of a sweep has its record. Without: it has not, and nobody knows what was dropped.
	SweepInTable bool
	// SweepInProgress: the progress of a heat partition says which pages are dropped. Without: it does not, and a new owner
	// has those again that were not removed yet.
	SweepInProgress bool
	// WholeSweeps: leaders are sent when all dropped pages are removed. Without: while they are.
	WholeSweeps bool
	// SweptStates: a page that is dropped leaves the further boards, too. Without: it stays on them.
	SweptStates bool
	// WholeClosings: no period of a board is closed while dropped pages are removed. Without: it may be, and has counted
	// some of them.
	WholeClosings bool

	// EventsInTransaction: events of boards and the position in the output are written in one transaction.
	// Without: events are written before.
	EventsInTransaction bool
	// Trails: a new owner of the events begins with the trails of the boards. Without: with none.
	Trails bool
}

// forgetting reports whether all rules of forgetting are on. Without one of them, all schedules have requests.
func (p Protections) forgetting() bool {
	return p.HeldLeaders && p.ForgetInProgress && p.ForgottenInTable && p.MarkedTombstones && p.AnswerInTransaction && p.BlockedPages &&
		p.ForgottenReread && p.ForgottenTitles && p.MonotonicForgets
}

// sweeping reports whether all rules of dropped pages are on. Without one of them, all schedules drop pages.
func (p Protections) sweeping() bool {
	return p.DayInTable && p.SweepInTable && p.SweepInProgress && p.WholeSweeps && p.SweptStates && p.WholeClosings
}

// events reports whether all rules of events are on.
func (p Protections) events() bool { return p.EventsInTransaction && p.Trails }

// titles reports whether all rules of titles are on.
func (p Protections) titles() bool { return p.NewestTitle && p.TitleInTable }

// boards reports whether all rules of further boards are on. Without one of them, all schedules have such
// boards, and clocks that differ by much.
func (p Protections) boards() bool {
	return p.TimeInProgress && p.LaterTime && p.TurnKeepsRecord && p.WholeTurns && p.NumbersOnce && p.OneSlot && p.OneBoard && p.TimeInHeaders &&
		p.groups()
}

// groups reports whether all rules of groups are on.
func (p Protections) groups() bool {
	return p.FirstGroups && p.FirstOfGroups && p.EmptyGroups && p.OldGroups
}

// All returns the protections of production: every one of them.
func All() Protections {
	var p Protections
	for _, field := range reflect.ValueOf(&p).Elem().Fields() {
		field.SetBool(true)
	}
	return p
}
