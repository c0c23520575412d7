package codec

import (
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// EventKind says what happened to a page on a board.
type EventKind string

// The kinds of events.
const (
	// Entered: the page was not on the board before.
	Entered EventKind = "entered"
	// Left: the page is not on the board any more.
	Left EventKind = "left"
	// TookRank1: the page leads the board, and did not before.
	TookRank1 EventKind = "took-rank-1"
	// Rose: the page rose a number of places within a time.
	Rose EventKind = "rose"
)

// EventKinds are all kinds, in the order of documents.
func EventKinds() []EventKind { return []EventKind{Entered, Left, TookRank1, Rose} }

// The headers of an event's record. Its key is that of the board.
const (
	// HeaderEvent is the header with the kind.
	HeaderEvent = "pageheat.event"
	// HeaderEventID is the header with [Event.ID].
	HeaderEventID = "pageheat.event-id"
)

// Event is what happened to a page between two versions of a board. Its JSON is what other programs
// read.
type Event struct {
	// Kind says what happened.
	Kind EventKind `json:"event"`
	// Board is the key of the board, see [Board.Board].
	Board string `json:"board"`
	// Version is the version of the board, and PreviousVersion that of the board before.
	Version         uint64 `json:"version"`
	PreviousVersion uint64 `json:"previous_version"`
	// At is when the board was made. It is written in UTC, in milliseconds.
	At time.Time `json:"at"`
	// Page is the page's name.
	Page string `json:"page"`
	// Title and URL are what the page is called and where it is, see [BoardPage]. They are empty where that is
	// not known, and for Left.
	Title string `json:"title"`
	URL   string `json:"url"`
	// Rank is the page's place, and PreviousRank the one on the board before; 0 outside the board.
	Rank         int `json:"rank"`
	PreviousRank int `json:"previous_rank"`

	// PreviousLeader is the page that had rank 1 before, of TookRank1; empty if the board was empty.
	PreviousLeader string `json:"previous_leader"`

	// Places is how many places the page rose, of Rose: from FromRank, which it held until Since.
	// The three are 0 for other kinds.
	Places   int       `json:"places"`
	FromRank int       `json:"from_rank"`
	Since    time.Time `json:"since"`

	// Heat, Clicks, Minutes, Likes and Behaviours are those of the page on the board, see [BoardPage].
	// They are empty for Left.
	Heat       Decimal `json:"heat"`
	Clicks     Decimal `json:"clicks"`
	Minutes    Decimal `json:"minutes"`
	Likes      Decimal `json:"likes"`
	Behaviours uint64  `json:"behaviours"`
}

// ID identifies the event: no other event of the output has it.
func (e *Event) ID() string {
	return e.Board + "/" + strconv.FormatUint(e.Version, 10) + "/" + string(e.Kind) + "/" + e.Page
}

// EncodeEvent returns the event as one JSON object in the form of [EncodeBoard]: members in the order
// of the contract, no white space. The error names what cannot be encoded. The pipeline makes no such
// events.
func EncodeEvent(e *Event) ([]byte, error) {
	fault := func(member string, err error) error {
		return fmt.Errorf("encoding event %q: %s: %w", e.ID(), member, err)
	}
	dst := make([]byte, 0, 512)
	text := func(member, value string) (err error) {
		if dst, err = jsontext.AppendQuote(append(dst, member...), value); err != nil {
			return fault(member, err)
		}
		return nil
	}
	number := func(member string, value uint64) {
		dst = strconv.AppendUint(append(dst, member...), value, 10)
	}
	if !isWritable(e.At) || !isWritable(e.Since) {
		return nil, fault("at, since", fmt.Errorf("%v, %v: not in the years 0 to 9999", e.At, e.Since))
	}
	for _, t := range []struct{ member, value string }{{`{"id":`, e.ID()}, {`,"event":`, string(e.Kind)}, {`,"board":`, e.Board}} {
		if err := text(t.member, t.value); err != nil {
			return nil, err
		}
	}
	number(`,"version":`, e.Version)
	number(`,"previous_version":`, e.PreviousVersion)
	dst = appendTime(append(dst, `,"at":`...), e.At)
	if err := text(`,"page":`, e.Page); err != nil {
		return nil, err
	}
	for _, t := range []struct{ member, value string }{{`,"title":`, e.Title}, {`,"url":`, e.URL}} {
		if t.value == "" || e.Kind == Left {
			continue
		}
		if err := text(t.member, t.value); err != nil {
			return nil, err
		}
	}
	number(`,"rank":`, uint64(e.Rank))
	number(`,"previous_rank":`, uint64(e.PreviousRank))
	if e.Kind == TookRank1 {
		if err := text(`,"previous_leader":`, e.PreviousLeader); err != nil {
			return nil, err
		}
	}
	if e.Kind == Rose {
		number(`,"places":`, uint64(e.Places))
		number(`,"from_rank":`, uint64(e.FromRank))
		dst = appendTime(append(dst, `,"since":`...), e.Since)
	}
	if e.Kind != Left {
		for _, d := range []struct {
			member string
			value  Decimal
		}{{`,"heat":`, e.Heat}, {`,"clicks":`, e.Clicks}, {`,"minutes":`, e.Minutes}, {`,"likes":`, e.Likes}} {
			if !d.value.isPlain() {
				return nil, fault(d.member, fmt.Errorf("%q is not a plain decimal", string(d.value)))
			}
			dst = append(append(dst, d.member...), d.value...)
		}
		number(`,"behaviours":`, e.Behaviours)
	}
	return append(dst, '}'), nil
}

// MarshalJSON returns what [EncodeEvent] does.
func (e Event) MarshalJSON() ([]byte, error) { return EncodeEvent(&e) }

// DecodeEvent reads an event. Members that it does not know are ignored, so that an event of a newer
// program can be read; one without kind, board or page is an error.
func DecodeEvent(data []byte) (*Event, error) {
	var e Event
	if err := json.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("%w: event: %w", ErrMalformed, err)
	}
	if e.Kind == "" || e.Board == "" || e.Page == "" {
		return nil, fmt.Errorf("%w: event: no event, board or page", ErrMalformed)
	}
	return &e, nil
}
