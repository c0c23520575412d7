package codec

import (
	"encoding/binary"
	"math"
)

const (
	trailVersion          = 1
	eventsPositionVersion = 1
)

// Trail is what the events of a board's next version are made from: the value of the board's key in
// the table of events.
type Trail struct {
	// Version is the version of the newest board that was seen, and At when it was made, in
	// milliseconds since 1970.
	Version uint64
	At      int64
	// Basis identifies what the board is made of. Boards with unequal ones are not compared.
	Basis string
	// Pages are those of the board, hottest first.
	Pages []TrailPage
}

// TrailPage is a page on a board.
type TrailPage struct {
	// Page is the page's name.
	Page string
	// Rose is when its last event [Rose] was, in milliseconds since 1970; 0 if there was none.
	Rose int64
	// Held are lower places that the page held before, from the lowest to the highest, which it held
	// last.
	Held []HeldRank
}

// HeldRank is a place that a page held.
type HeldRank struct {
	Rank int
	// Until is when the page had another place, in milliseconds since 1970.
	Until int64
}

// AppendTrail appends t to dst.
func AppendTrail(dst []byte, t *Trail) []byte {
	dst = binary.AppendUvarint(append(dst, trailVersion), t.Version)
	dst = binary.AppendUvarint(dst, uint64(t.At))
	dst = appendName(dst, t.Basis)
	dst = binary.AppendUvarint(dst, uint64(len(t.Pages)))
	for i := range t.Pages {
		p := &t.Pages[i]
		dst = appendName(dst, p.Page)
		dst = binary.AppendUvarint(dst, uint64(p.Rose))
		dst = binary.AppendUvarint(dst, uint64(len(p.Held)))
		for _, h := range p.Held {
			dst = binary.AppendUvarint(dst, uint64(h.Rank))
			dst = binary.AppendUvarint(dst, uint64(h.Until))
		}
	}
	return dst
}

// DecodeTrail reads what [AppendTrail] wrote.
func DecodeTrail(b []byte) (*Trail, error) {
	r := newReader("board trail", b, trailVersion)
	t := &Trail{Version: r.number("version"), At: r.nonNegative("time"), Basis: string(r.bytes("basis", maxNameBytes))}
	const pageBytes, heldBytes = 4, 2
	if n := r.count("pages", pageBytes); n > 0 {
		t.Pages = make([]TrailPage, n)
	}
	for i := range t.Pages {
		p := &t.Pages[i]
		p.Page, p.Rose = string(r.page()), r.nonNegative("time of a rise")
		if n := r.count("places", heldBytes); n > 0 {
			p.Held = make([]HeldRank, n)
		}
		for j := range p.Held {
			rank := r.uvarint("rank")
			if rank > math.MaxInt32 {
				r.fail("rank %d is out of range", rank)
			}
			p.Held[j] = HeldRank{Rank: int(rank), Until: r.nonNegative("time of a rank")}
		}
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return t, nil
}

// EventsPosition is how far the output has been read for events: the value of [EventsPositionKey] in
// the table of events.
type EventsPosition struct {
	// Output is the id of the output topic, zero if brokers give none.
	Output TopicID
	// Next is the offset of the next record to read.
	Next int64
}

// AppendEventsPosition appends p to dst.
func AppendEventsPosition(dst []byte, p EventsPosition) []byte {
	dst = append(append(dst, eventsPositionVersion), p.Output[:]...)
	return binary.AppendUvarint(dst, uint64(p.Next))
}

// DecodeEventsPosition reads what [AppendEventsPosition] wrote.
func DecodeEventsPosition(b []byte) (EventsPosition, error) {
	r := newReader("events position", b, eventsPositionVersion)
	p := EventsPosition{Output: r.topicID("output"), Next: r.nonNegative("next")}
	if err := r.end(); err != nil {
		return EventsPosition{}, err
	}
	return p, nil
}
