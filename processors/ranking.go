package processors

import (
	"fmt"
	"slices"
	"time"

	"github.com/lovoo/goka"

	"pageheat/codec"
	"pageheat/topology"
)

// HeaderPositions is the header of a board that says what it was made from.
const HeaderPositions = codec.PositionsHeader

// RankingConfig is what a ranking processor needs to know.
type RankingConfig struct {
	Brokers  []string
	Topology *topology.Topology
	Ranker   RankerConfig
	// Now is the clock; time.Now if nil.
	Now func() time.Time
	// Check looks at leaders before they are ranked; its error ends the processor.
	// It may be nil.
	Check func(l *codec.Leaders) error
	// Differ is told which heat partitions choose leaders by settings that do not
	// serve the board, whenever that changes; none when all agree again. It must be
	// quick. It may be nil.
	Differ func(wanted codec.Definition, differing []Differing)
}

// NewRanking returns the processor that publishes the board. Its table holds
// the epoch of its versions.
func NewRanking(c RankingConfig, options ...goka.ProcessorOption) (*goka.Processor, error) {
	p, err := goka.NewProcessor(c.Brokers, RankingGraph(c), options...)
	if err != nil {
		return nil, fmt.Errorf("making the ranking processor of group %s: %w", c.Topology.RankGroup, err)
	}
	return p, nil
}

// RankingGraph is the graph of the ranking processor.
func RankingGraph(c RankingConfig) *goka.GroupGraph {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Differ == nil {
		c.Differ = func(codec.Definition, []Differing) {}
	}
	r := &ranking{config: c, ranker: NewRanker(c.Ranker), output: goka.Stream(c.Topology.Output)}
	return goka.DefineGroup(goka.Group(c.Topology.RankGroup),
		goka.Input(goka.Stream(c.Topology.Leaders), codec.Raw{}, r.process),
		goka.Persist(codec.Raw{}),
		goka.Output(r.output, codec.Raw{}),
	)
}

// ranking is the state of the processor. The leaders topic has one partition,
// so one goroutine uses it.
type ranking struct {
	config RankingConfig
	ranker *Ranker
	output goka.Stream
	differ []Differing // as last told
}

func (r *ranking) process(ctx goka.Context, message any) {
	kind, body, err := codec.SplitFeed(message.([]byte))
	if err != nil {
		ctx.Fail(err)
	}
	switch kind {
	case codec.FeedEpoch:
		r.begin(ctx, body)
	case codec.FeedHeard:
		offset, leaders, err := codec.SplitHeard(body)
		if err != nil {
			ctx.Fail(err)
		}
		if err := r.hear(leaders); err != nil {
			ctx.Fail(fmt.Errorf("offset %d: %w", offset, err))
		}
	case codec.FeedPublish:
		r.publish(ctx, false)
	case codec.FeedRepublish:
		r.publish(ctx, true)
	default:
		ctx.Fail(fmt.Errorf("ranking was fed a message of kind %q", kind))
	}
}

// hear takes leaders.
func (r *ranking) hear(leaders []byte) error {
	l, err := codec.DecodeLeaders(leaders)
	if err != nil {
		return err
	}
	if r.config.Check != nil {
		if err := r.config.Check(l); err != nil {
			return err
		}
	}
	if _, err := r.ranker.Leaders(l); err != nil {
		return fmt.Errorf("leaders of heat partition %d: %w", l.Partition, err)
	}
	if differ := r.ranker.Differing(); !slices.Equal(differ, r.differ) {
		r.differ = differ
		r.config.Differ(r.ranker.Definition(), differ)
	}
	return nil
}

// begin takes a new epoch, above the stored one and above any seen in use.
func (r *ranking) begin(ctx goka.Context, body []byte) {
	request, err := codec.DecodeEpochRequest(body)
	if err != nil {
		ctx.Fail(err)
	}
	highest := request.Above
	if stored, ok := ctx.Value().([]byte); ok {
		e, err := codec.DecodeEpoch(stored)
		if err != nil {
			ctx.Fail(fmt.Errorf("the stored epoch: %w", err))
		}
		highest = max(highest, e.Epoch)
	}
	var newest *codec.Board
	var made codec.Origin
	if request.Board != nil {
		if newest, err = codec.DecodeBoard(request.Board); err != nil {
			ctx.Fail(fmt.Errorf("the newest board in %s: %w", r.output, err))
		}
		if made, err = codec.DecodeOrigin(request.Positions); err != nil {
			ctx.Fail(fmt.Errorf("the positions of the newest board in %s: %w", r.output, err))
		}
		highest = max(highest, Epoch(newest.Version))
	}
	if highest >= codec.MaxEpoch {
		ctx.Fail(fmt.Errorf("%w: epoch %d is the last that there can be", codec.ErrMalformed, highest))
	}
	ctx.SetValue(codec.AppendEpoch(nil, codec.Epoch{Epoch: highest + 1, Output: string(r.output)}))
	r.ranker.Begin(highest+1, int(request.Partitions), newest, made.Positions)
}

func (r *ranking) publish(ctx goka.Context, again bool) {
	board, made := r.ranker.Board(r.config.Now(), again)
	if board == nil {
		return
	}
	value, err := codec.EncodeBoard(board)
	if err != nil {
		ctx.Fail(fmt.Errorf("writing board %s, version %d: %w", board.Board, board.Version, err))
	}
	ctx.Emit(r.output, board.Board, value,
		goka.WithCtxEmitHeaders(goka.Headers{HeaderPositions: codec.AppendOrigin(nil, codec.Origin{
			Group: r.config.Topology.RankGroup, Definition: r.ranker.Definition(), Positions: made})}))
}
