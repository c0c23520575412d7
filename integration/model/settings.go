package model

import (
	"strconv"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/processors"
	"pageheat/store"
)

// settings determine how an instance chooses leaders and orders boards. The weights are in
// tenths. The further boards are numbers of world.catalog.
type settings struct {
	clicks, minutes, likes int64
	top                    int
	boards                 []int
}

func (s settings) weights() heat.Weights {
	tenths := func(n int64) string { return strconv.FormatFloat(float64(n)/10, 'f', 1, 64) }
	w, err := heat.NewWeights(tenths(s.clicks), tenths(s.minutes), tenths(s.likes))
	if err != nil {
		panic(err) // the model only has valid ones
	}
	return w
}

func (s settings) definition() codec.Definition { return codec.Define(s.weights(), s.top) }

func (w *world) partition(s settings, p int) store.Config {
	return store.Config{ID: int32(p), Partitions: int32(len(w.logs)), Scorer: s.weights(), Top: s.top, Boards: w.boardsOf(s), TurnPages: w.temper.turnPages}
}

// store returns an empty partition of the table, on disk if the schedule says so.
func (w *world) store(on *instance, p int) *store.Partition {
	c := w.partition(on.by(w), p)
	if w.disk == nil {
		return store.New(c)
	}
	part, err := w.disk.New(c)
	if err != nil {
		panic(err) // it is in memory
	}
	w.counts.OnDisk++
	return part
}

func (w *world) ranker(s settings) *processors.Ranker {
	return processors.NewRanker(processors.RankerConfig{Board: boardName, Scorer: s.weights(), Top: s.top, Boards: w.boardsOf(s), Group: rankGroup, Output: output})
}

// with returns the settings of a definition, nil if no instance has them.
func (t *temper) with(d codec.Definition) *settings {
	for i := range t.settings {
		if t.settings[i].definition() == d {
			return &t.settings[i]
		}
	}
	return nil
}

// by returns the settings of an instance.
func (i *instance) by(w *world) settings { return w.temper.settings[i.settings] }

// change restarts an instance with other settings: those that all instances have at the end. If there are
// further boards, an instance may go back to others until then.
func (w *world) change(on *instance) {
	next := len(w.temper.settings) - 1
	if w.withBoards() && !w.settling {
		next = w.n(next + 1)
	}
	if on.settings == next {
		return
	}
	w.crash(on)
	on.settings = next
	w.counts.Changed++
	w.say("instance-%d begins with other settings: %s", on.number, on.by(w).definition())
}

// repartition adds partitions to the topics, which is not allowed: from now on, new ingest
// owners distribute the pages over more partitions.
func (w *world) repartition() {
	if w.repartitioned {
		return
	}
	w.repartitioned = true
	w.counts.Repartitioned++
	w.say("somebody adds a heat partition")
}

// expireOffset makes the group forget the offset of an input partition.
func (w *world) expireOffset() {
	in := w.inputs[w.n(len(w.inputs))]
	if in.committed < 0 {
		return
	}
	in.committed, in.expired = -1, true
	w.counts.OffsetsExpired++
	w.say("the group's offset of input-%d has expired", in.partition)
}
