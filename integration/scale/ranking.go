package scale

import (
	"time"

	"pageheat/codec"
	"pageheat/processors"
)

// published is a record of the output.
type published struct {
	at               time.Time
	value, positions []byte
	version, counted uint64
}

// ranking drives the stage of the ranking.
type ranking struct {
	w       *world
	on      *instance
	stage   *processors.RankStage
	pos     int // leaders to read next
	output  int // board to read next
	storing time.Time
	publish time.Time // when the request for a board is settled; zero if there is none
	epoch   []byte
	named   bool
}

func newRank(w *world, on *instance) *ranking {
	start := processors.RankStart{PublishEvery: processors.DefaultSettings().PublishEvery, Partitions: int32(w.Heat), Next: int64(len(w.leaders))}
	if n := len(w.boards); n > 0 {
		start.Newest = w.boards[n-1].seen()
	}
	return &ranking{w: w, on: on, stage: processors.NewRankStage(start), pos: len(w.leaders), output: len(w.boards)}
}

func (p *published) seen() processors.Output {
	return processors.Output{Version: p.version, Value: p.value, Positions: p.positions}
}

func (o *ranking) end()         { o.stage.End() }
func (o *ranking) counts() bool { return o.named }

func (o *ranking) act() (ended bool) {
	w := o.w
	for w.failed == nil {
		if !o.storing.IsZero() && !w.now.Before(o.storing) {
			o.storing, o.named = time.Time{}, true
			w.epoch = o.epoch
			if err := o.stage.Stored(o.epoch); err != nil {
				w.fail("%w", err)
			}
		}
		if !o.publish.IsZero() && !w.now.Before(o.publish) {
			o.publish = time.Time{}
			o.stage.Published()
		}
		switch a := o.stage.Next(w.now); a.Do {
		case processors.DoFeed:
			o.rank(&a)
		case processors.DoCommit:
		case processors.DoEnd:
			return true
		case processors.DoWait:
			if !a.Input || !o.listen() {
				return false
			}
		default:
			w.fail("ranking: %w", a.Err)
		}
	}
	return false
}

// listen gives the stage leaders or a board of the output.
func (o *ranking) listen() bool {
	w := o.w
	switch {
	case o.output < len(w.boards) && !w.boards[o.output].at.After(w.now):
		o.stage.Output(w.boards[o.output].seen())
		o.output++
	case o.pos < len(w.leaders) && !w.leaders[o.pos].at.After(w.now):
		o.stage.Leaders(int64(o.pos), w.leaders[o.pos].value)
		w.leaders[o.pos].value = nil // it was copied, and nobody else reads it
		o.pos++
	default:
		return false
	}
	return true
}

// rank hands the ranker a message of the stage, as goka does.
func (o *ranking) rank(a *processors.Action) {
	w := o.w
	if o.on.ranker == nil {
		o.on.ranker = processors.NewRanker(processors.RankerConfig{Board: board, Top: top, Group: group, Output: output})
	}
	w.measure(Board)
	if a.Kind() == codec.FeedHeard {
		w.measure(Hear)
	}
	ranked, err := o.on.ranker.Take(a.Value, func() any { return w.epoch }, w.now)
	w.measure(Other)
	switch {
	case err != nil:
		w.fail("ranking: %w", err)
	case ranked.Epoch != nil:
		o.epoch, o.storing = ranked.Epoch, w.now.Add(commits)
	case len(ranked.Boards) > 0:
		o.emit(&ranked.Boards[0])
	case a.Ack:
		o.publish = w.now // there is no board, and so nothing to wait for
	}
}

// emit sends a board.
func (o *ranking) emit(made *processors.Published) {
	w := o.w
	b, err := codec.DecodeBoard(made.Value)
	if err != nil {
		w.fail("a board: %w", err)
		return
	}
	if n := len(w.boards); n > 0 && (b.Version <= w.boards[n-1].version || b.Counted < w.boards[n-1].counted) {
		w.fail("version %d, counted %d, after version %d, counted %d", b.Version, b.Counted, w.boards[n-1].version, w.boards[n-1].counted)
	}
	w.boards = append(w.boards, published{w.now.Add(network), made.Value, made.Positions, b.Version, b.Counted})
	w.result.Boards++
	w.result.BoardBytes += int64(len(made.Value))
	w.result.HeaderBytes += int64(len(made.Positions))
	if w.now.Sub(w.began) <= w.For {
		w.result.LongestSilence = max(w.result.LongestSilence, w.now.Sub(w.last))
	}
	w.last = w.now
	o.publish = w.now.Add(2 * network)
}
