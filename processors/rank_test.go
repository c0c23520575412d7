package processors_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/processors"
)

// version is the n-th of an epoch.
func version(epoch, n uint64) uint64 { return (epoch-1)<<codec.EpochBits + n }

func stored(epoch uint64) []byte {
	return codec.AppendEpoch(nil, codec.Epoch{Epoch: epoch, Output: "output"})
}

// rankStage is one in a stored epoch that has published its first board.
func rankStage(t *testing.T, epoch uint64) *processors.RankStage {
	s := processors.NewRankStage(processors.RankStart{PublishEvery: 10 * ms, Partitions: 3, Next: 7})
	require.Equal(t, []string{"feed epoch", "hold"}, do(s, began()))
	require.NoError(t, s.Stored(stored(epoch)))
	require.Equal(t, []string{"feed republish", "wait"}, do(s, began()))
	s.Output(processors.Output{Version: version(epoch, 1)})
	s.Published()
	require.Equal(t, []string{"wait"}, do(s, began()))
	return s
}

// The first thing that an owner does is to take an epoch, from the newest board.
func TestRankStageBeginsWithAnEpoch(t *testing.T) {
	s := processors.NewRankStage(processors.RankStart{PublishEvery: 10 * ms, Partitions: 3, Next: 7,
		Newest: processors.Output{Version: version(4, 2), Value: []byte("board"), Positions: []byte("positions")}})
	a := s.Next(began())
	require.Equal(t, codec.EpochKey(), a.Key)
	require.True(t, a.Ack)
	request, err := codec.DecodeEpochRequest(a.Value[1:])
	require.NoError(t, err)
	require.Equal(t, codec.EpochRequest{Partitions: 3, Board: []byte("board"), Positions: []byte("positions")}, request)
	require.Equal(t, []string{"hold"}, do(s, began()), "no leaders and no boards before it is stored")
	require.EqualValues(t, 7, s.Reached())

	require.Error(t, s.Stored(nil))
	require.NoError(t, s.Stored(stored(5)))
	require.EqualValues(t, 5, s.Epoch())
	require.Equal(t, []string{"feed republish", "wait"}, do(s, began()), "the first board of an epoch goes out whatever it says")
}

// What comes of an event, in a stage whose epoch is 5 and whose newest board is the first.
func TestRankStageOnABoardInTheOutput(t *testing.T) {
	for _, c := range []struct {
		name string
		seen uint64
		want []string
	}{
		{"its own next one", version(5, 2), []string{"wait"}},
		{"its own last one again", version(5, 1), []string{"wait"}},
		{"of an owner that has taken over", version(6, 1), []string{"feed epoch", "hold"}},
		{"of an owner before, let out late", version(4, 9), []string{"feed republish", "wait"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := rankStage(t, 5)
			s.Output(processors.Output{Version: c.seen})
			require.Equal(t, c.want, do(s, after(time.Second)))
		})
	}
}

// An owner before that published a newer board since this one looked for the newest
// has an epoch below this one's, and a higher version than any it has seen.
func TestRankStageGoesOnFromABoardOfBefore(t *testing.T) {
	s := processors.NewRankStage(processors.RankStart{Partitions: 3, Newest: processors.Output{Version: version(4, 2)}})
	do(s, began())
	require.NoError(t, s.Stored(stored(5)))
	s.Output(processors.Output{Version: version(4, 3), Value: []byte("newer")})
	a := s.Next(began())
	require.Equal(t, codec.FeedEpoch, a.Kind())
	request, err := codec.DecodeEpochRequest(a.Value[1:])
	require.NoError(t, err)
	require.Equal(t, "newer", string(request.Board))
	require.EqualValues(t, 4, request.Above)
}

// Boards of its own that an owner reads after it has begun another epoch are no reason for one more: with
// several boards in each epoch there would be no end.
func TestRankStageKnowsItsEarlierEpochs(t *testing.T) {
	s := rankStage(t, 5)
	s.Output(processors.Output{Version: version(6, 1)})
	require.Equal(t, []string{"feed epoch", "hold"}, do(s, after(time.Second)))
	require.NoError(t, s.Stored(stored(7)))
	require.Equal(t, []string{"feed republish", "wait"}, do(s, after(time.Second)))
	s.Published()
	s.Output(processors.Output{Version: version(8, 1)})
	require.Equal(t, []string{"feed epoch", "hold"}, do(s, after(time.Second)))
	require.NoError(t, s.Stored(stored(9)))
	s.Output(processors.Output{Version: version(7, 1)})
	s.Output(processors.Output{Version: version(7, 2), Board: "today", Further: true})
	require.Equal(t, []string{"feed republish", "wait"}, do(s, after(2*time.Second)))
	s.Output(processors.Output{Version: version(10, 1), Board: "today", Further: true})
	s.Published()
	require.Equal(t, []string{"feed epoch", "hold"}, do(s, after(2*time.Second)))
}

// An owner that was frozen may publish the first board that there is of a group, after others have published newer
// boards. Only who knows of it can publish an empty one.
func TestRankStageLearnsOfGroups(t *testing.T) {
	for _, pages := range []int{0, 1} {
		s := rankStage(t, 5)
		b := &codec.Board{Board: "sections/sport", Group: "sport", Version: version(4, 9), Pages: make([]codec.BoardPage, pages)}
		for i := range b.Pages {
			b.Pages[i] = codec.BoardPage{Rank: 1, Page: "/sport", Heat: "1", Clicks: "1", Minutes: "0", Likes: "0", Behaviours: 1}
		}
		value, err := codec.EncodeBoard(b)
		require.NoError(t, err)
		s.Output(processors.Output{Version: b.Version, Board: b.Board, Further: true, Value: value})
		if pages == 0 {
			require.Equal(t, []string{"feed republish", "wait"}, do(s, after(time.Second)))
			continue
		}
		a := s.Next(after(time.Second))
		require.Equal(t, codec.FeedEpoch, a.Kind())
		request, err := codec.DecodeEpochRequest(a.Value[1:])
		require.NoError(t, err)
		require.Equal(t, value, request.Further[0].Board)
	}
}

// A board older than the newest that this one began from is no reason for an epoch.
func TestRankStageIgnoresWhatIsOlderThanItsBeginning(t *testing.T) {
	s := processors.NewRankStage(processors.RankStart{Partitions: 3, Newest: processors.Output{Version: version(4, 2)}})
	do(s, began())
	require.NoError(t, s.Stored(stored(5)))
	s.Output(processors.Output{Version: version(4, 1)})
	require.Equal(t, []string{"feed republish", "wait"}, do(s, began()))
}

func TestRankStagePublishes(t *testing.T) {
	s := rankStage(t, 1)
	s.Leaders(7, []byte("leaders"))
	a := s.Next(after(4 * ms))
	offset, leaders, err := codec.SplitHeard(a.Value[1:])
	require.NoError(t, err)
	require.Equal(t, "leaders", string(leaders))
	require.EqualValues(t, 7, offset)
	require.Equal(t, []string{"commit 8", "wait until 10ms"}, do(s, after(4*ms)), "not before the publishing time is over")
	s.Leaders(8, nil)
	require.Equal(t, []string{"feed heard", "commit 9", "feed publish", "wait"}, do(s, after(10*ms)))
	s.Leaders(9, nil)
	require.Equal(t, []string{"feed heard", "commit 10", "wait"}, do(s, after(30*ms)), "one request at a time")
	require.EqualValues(t, 7, s.Reached())
	s.Published()
	require.EqualValues(t, 9, s.Reached(), "what came before the request is on the board")
	require.Equal(t, []string{"wait until 35ms"}, do(s, after(31*ms)), "for those of the other heat partitions")
	s.Leaders(10, nil)
	require.Equal(t, []string{"feed heard", "commit 11", "wait until 35ms"}, do(s, after(32*ms)))
	s.Leaders(11, nil)
	require.Equal(t, []string{"feed heard", "commit 12", "feed publish", "wait"}, do(s, after(33*ms)), "all have sent some")
	s.Published()
	s.Leaders(12, nil)
	require.Equal(t, []string{"feed heard", "commit 13", "wait until 55ms"}, do(s, after(50*ms)))
	require.Equal(t, []string{"feed publish", "wait"}, do(s, after(55*ms)), "one may have none")
	s.Published()
	require.Equal(t, []string{"wait"}, do(s, after(time.Hour)), "nothing came")
}

func TestRankStageEnds(t *testing.T) {
	for _, c := range []struct {
		name  string
		event func(s *processors.RankStage)
		want  [][]string // after each acknowledgement
	}{
		{"with nothing to do", func(*processors.RankStage) {}, [][]string{{"end"}}},
		{"with what came last, at once", func(s *processors.RankStage) { s.Leaders(7, nil) },
			[][]string{{"feed heard", "commit 8", "feed publish", "hold"}, {"end"}}},
		{"after a board on its way", func(s *processors.RankStage) {
			s.Leaders(7, nil)
			do(s, after(15*ms))
			do(s, after(20*ms))
			s.Leaders(8, nil)
		}, [][]string{{"feed heard", "commit 9", "hold"}, {"feed publish", "hold"}, {"end"}}},
		{"without putting right an older board", func(s *processors.RankStage) {
			s.Output(processors.Output{Version: version(1, 0)})
		}, [][]string{{"end"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := rankStage(t, 1)
			c.event(s)
			s.End()
			for _, want := range c.want {
				require.Equal(t, want, do(s, after(21*ms)))
				s.Published()
			}
		})
	}
}

// A session that ends while an epoch is taken waits for it.
func TestRankStageEndsAfterItsEpoch(t *testing.T) {
	s := processors.NewRankStage(processors.RankStart{Partitions: 3})
	do(s, began())
	s.End()
	require.Equal(t, []string{"hold"}, do(s, began()))
	require.NoError(t, s.Stored(stored(1)))
	require.Equal(t, []string{"end"}, do(s, began()))
}
