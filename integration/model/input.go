package model

import (
	"sort"
	"strconv"
	"time"

	"pageheat/codec"
)

// message is one record of the input, with its content as the model made it: the recount does
// not use the pipeline's parser.
type message struct {
	number    int // among all messages of all partitions
	offset    int64
	timestamp int64 // ms since 1970
	value     []byte
	page      int // index in world.pages, or one of the kinds below
	clicks    int64
	minutes   int64 // in units of 10^-9
	like      int64
	label     codec.Label // what it calls its page
}

// The kinds of messages that are not behaviours.
const (
	invalid = -1
	undone  = -2 // its transaction was aborted: it is not read
)

// producing is an open transaction of a producer of the input.
type producing struct {
	first    int64
	messages []int // indexes in input.messages
}

// input is one partition of the input topic, with the committed offset of ingest's group.
type input struct {
	partition int
	messages  []message // all that were ever written
	first     int64     // everything below was deleted
	next      int64     // the offset after the last record or marker
	committed int64     // -1: none
	expired   bool      // the group forgot the offset; the next record restores it
	dead      map[int64]bool
	open      []producing // open transactions, by first offset
	aborts    bool        // there are aborted messages
	dirty     bool        // they are read, and so are those of open transactions
}

// stable returns the last stable offset: records from there on cannot be read as committed.
func (in *input) stable() int64 {
	if len(in.open) == 0 || in.dirty {
		return in.next
	}
	return max(in.open[0].first, in.first)
}

// read returns at most the given number of committed messages at or after an offset. It reports
// false if the offset was deleted.
func (in *input) read(offset int64, most int) ([]message, bool) {
	if offset < in.first {
		return nil, false
	}
	i := sort.Search(len(in.messages), func(i int) bool { return in.messages[i].offset >= offset })
	messages, stable := in.messages[i:], in.stable()
	if !in.aborts || in.dirty {
		messages = messages[:min(most, len(messages))]
		for len(messages) > 0 && messages[len(messages)-1].offset >= stable {
			messages = messages[:len(messages)-1]
		}
		return messages, true
	}
	var committed []message
	for j := range messages {
		if messages[j].offset >= stable || len(committed) == most {
			break
		}
		if messages[j].page != undone {
			committed = append(committed, messages[j])
		}
	}
	return committed, true
}

// last returns the offset of the last committed message, -1 if there is none.
func (in *input) last() int64 {
	for i := len(in.messages) - 1; i >= 0; i-- {
		if m := &in.messages[i]; m.page != undone && m.offset < in.stable() {
			return m.offset
		}
	}
	return -1
}

// pageNames are all pages. The last one has the FNV hash whose absolute value, as goka computes
// it, is negative.
func pageNames() []string {
	return []string{"a", "b", "home", "/index.html", "ä", "/t/1", "/t/2", "page 9", "/x?y=<&>", "/t/cb8p5q"}
}

// invalidMessages are messages that ingest must refuse.
func invalidMessages() []string {
	return []string{"", "a", "a|1|1", "a|-1|1|0", "a|1|x|0", "a|1|1|2", "|1|1|1", "a|1|1|1|1", "a|1000001|1|0", "\xff|1|1|1", "{", "a|1|1441|0"}
}

// grow appends a few messages to a partition of the input. The offsets have gaps, like those
// left by transactions and by compaction of control records.
func (w *world) grow() {
	in := w.inputs[w.n(len(w.inputs))]
	from := in.next
	var transaction *producing
	if w.chance(w.temper.transactions) {
		transaction = w.produce(in)
	}
	for range 1 + w.n(4) {
		if w.chance(w.temper.holes) {
			in.next += int64(1 + w.n(3))
		}
		m := message{number: w.messages, offset: in.next, page: invalid}
		w.messages++
		switch {
		case w.withBoards():
			m.timestamp = w.timestamp()
		case w.aging != nil:
			m.timestamp = w.aging.timestamp()
		default:
			// Producers' clocks differ by minutes, whatever the schedule draws.
			skew := time.Duration(in.next*7919%7-3) * time.Minute
			m.timestamp = w.now.Add(skew).UnixMilli()
		}
		in.next++
		if w.chance(w.temper.invalid) {
			m.value = []byte(w.invalid[w.n(len(w.invalid))])
		} else {
			w.behave(&m)
		}
		if transaction != nil {
			transaction.messages = append(transaction.messages, len(in.messages))
		}
		in.messages = append(in.messages, m)
	}
	if w.chance(w.temper.holes) {
		in.next++ // the marker that ends a transaction
	}
	w.say("input-%d grows: offsets %d to %d", in.partition, from, in.next-1)
}

// produce returns a producer's open transaction, or one that begins with the next message.
func (w *world) produce(in *input) *producing {
	if len(in.open) < 2 && (len(in.open) == 0 || w.chance(0.3)) {
		in.open = append(in.open, producing{first: in.next})
	}
	return &in.open[w.n(len(in.open))]
}

// endProducing ends a producer's transaction on an input partition, if there is one.
func (w *world) endProducing(in *input) bool {
	if len(in.open) == 0 {
		return false
	}
	i := w.n(len(in.open))
	t := in.open[i]
	in.open = append(in.open[:i], in.open[i+1:]...)
	in.next++ // the marker
	if w.chance(0.5) {
		w.say("the transaction on input-%d from offset %d on is committed", in.partition, t.first)
		return true
	}
	for _, m := range t.messages {
		in.messages[m].page, in.aborts = undone, true
	}
	w.counts.InputAborts++
	w.say("the transaction on input-%d from offset %d on is aborted", in.partition, t.first)
	return true
}

// addInput adds a partition to the input.
func (w *world) addInput() {
	if len(w.inputs) > w.temper.inputs {
		return
	}
	i := len(w.inputs)
	w.inputs = append(w.inputs, &input{partition: i, committed: -1, dead: make(map[int64]bool), dirty: !w.on.ReadCommitted})
	w.slots = append(w.slots, &slot{role: ingestRole, partition: i})
	w.counts.InputsAdded++
	w.say("somebody adds input-%d", i)
}

// behave turns a message into a valid behaviour.
func (w *world) behave(m *message) {
	m.page = w.page(w.n(len(w.pages)))
	m.clicks = int64(w.n(12))
	if w.chance(0.02) {
		m.clicks = 1_000_000
	}
	minutes := int64(w.n(9))
	m.minutes = minutes * 1_000_000_000
	fraction := ""
	switch w.n(4) {
	case 0:
		fraction, m.minutes = ".5", m.minutes+500_000_000
	case 1:
		fraction, m.minutes = ".000000001", m.minutes+1
	}
	m.like = int64(w.n(3) - 1)
	if w.chance(w.temper.titles) {
		w.entitle(m, strconv.FormatInt(minutes, 10)+fraction)
		return
	}
	value := make([]byte, 0, 32)
	value = append(append(value, w.pages[m.page].name...), '|')
	value = append(strconv.AppendInt(value, m.clicks, 10), '|')
	value = append(strconv.AppendInt(value, minutes, 10), fraction...)
	m.value = strconv.AppendInt(append(value, '|'), m.like, 10)
}

// retain deletes the oldest part of an input partition. In a mild schedule, it only deletes what
// the group has committed.
func (w *world) retain() {
	in := w.inputs[w.n(len(w.inputs))]
	upTo := in.committed
	if w.temper.retention == harsh {
		upTo = in.stable()
	}
	if upTo <= in.first {
		return
	}
	in.first += 1 + int64(w.n(int(upTo-in.first)))
	w.counts.Retentions++
	w.say("retention deletes input-%d below offset %d", in.partition, in.first)
}

// advanceCommitted moves a committed offset forward, as an operator might by mistake: the
// records in between are lost without a report.
func (w *world) advanceCommitted() {
	in := w.inputs[w.n(len(w.inputs))]
	from := max(in.committed, 0)
	if from >= in.stable() {
		return
	}
	in.committed = from + 1 + int64(w.n(int(in.stable()-from)))
	w.moved = true
	w.counts.Moved++
	w.say("somebody moves the committed offset of input-%d from %d to %d", in.partition, from, in.committed)
}
