package processors

import (
	"time"

	"pageheat/codec"
)

// Action is what a stage asks of its driver. A stage does nothing by itself: it has no
// goroutine, no clock and no connection. Its driver calls a method for each
// event, then Next until that returns a DoWait, and carries out each action before it
// calls the stage again. Production drives stages from package pipeline, tests from
// tables of cases, and integration/model from a seed.
type Action struct {
	// Do says which of the other fields count.
	Do Do
	// Input says, in a DoWait, that input may be given to the stage. Otherwise the
	// driver holds the input back, all the way to the fetch.
	Input bool
	// Forgets says, in a DoWait, that records of the forget topic may be given to the stage.
	Forgets bool
	// Turn says, in a DoWait with Input, that the driver must have its turn to read a large
	// batch before it gives the stage more. Partitions of one process take turns.
	Turn bool
	// Ack says, in a DoFeed, that the stage must hear when everything that the message
	// causes is acknowledged.
	Ack bool
	// Key and Value are the message of a DoFeed. Value belongs to the receiver.
	Key   string
	Value []byte
	// Offset is the next offset to be read, in a DoCommit, DoTrim or DoReadAgain.
	Offset int64
	// Until is when a DoWait ends even without an event, or a DoReadAgain begins; the zero
	// time for never.
	Until time.Time
	// Err is the reason of a DoFail.
	Err error
}

// Do is the kind of an [Action].
type Do uint8

const (
	// DoWait says that there is nothing to do before the next event, or before Until.
	DoWait Do = iota
	// DoFeed hands the message to the stage's callback, in order (see codec.Feed).
	DoFeed
	// DoCommit commits the offset, in the background.
	DoCommit
	// DoTrim lets records below the offset be deleted from their topic.
	DoTrim
	// DoCheckInput looks up the id of the input topic and tells the stage.
	DoCheckInput
	// DoReadAgain reads the input again from the offset, not before Until. What was read of
	// it and not given to the stage is dropped.
	DoReadAgain
	// DoRemove finds boards in the output with pages that are forgotten (see [Removal]), in the background, and tells
	// the stage.
	DoRemove
	// DoYield gives up the turn to read a large batch, which was not read to its end.
	DoYield
	// DoEnd lets the session end; nothing is on its way any more.
	DoEnd
	// DoFail says that the stage cannot go on, because of Err.
	DoFail
)

// Kind is the kind of the message of a DoFeed.
func (a *Action) Kind() codec.Feed { return codec.Feed(a.Value[0]) }
