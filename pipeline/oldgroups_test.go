package pipeline

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/integration/kafkatest"
)

// TestBoardsOfGroupsAreFoundHoweverOld: the newest of each, if it has pages. Nothing else says that such a group once
// had a board.
func TestBoardsOfGroupsAreFoundHoweverOld(t *testing.T) {
	c := kafkatest.Embedded(t)
	set, topo := tableSettings(t, c)
	topo.Output = topo.HeatTable
	var records []*kgo.Record
	publish := func(key, group string, pages int) {
		b := &codec.Board{Board: key, Group: group, Version: uint64(len(records) + 1), UpdatedAt: time.Now()}
		for i := range pages {
			b.Pages = append(b.Pages, codec.BoardPage{Rank: i + 1, Page: fmt.Sprint(i), Heat: "1", Clicks: "1", Minutes: "0", Likes: "0", Behaviours: 1})
		}
		value, err := codec.EncodeBoard(b)
		require.NoError(t, err)
		records = append(records, &kgo.Record{Topic: topo.Output, Key: []byte(key), Value: value, Headers: []kgo.RecordHeader{
			{Key: codec.HeaderPositions, Value: codec.AppendOrigin(nil, codec.Origin{Group: topo.RankGroup, Definition: codec.Definition{Top: 10}})}}})
	}
	publish("sections/sport", "sport", 2)
	publish("sections/old", "old", 1)
	publish("sections/old", "old", 0)
	publish("sections/news", "news", 1)
	publish("sections", "", 1)
	publish("others/news", "news", 1)
	for range 600 { // more than the search for the newest board reads
		publish("all-time", "", 1)
	}
	publish("sections/news", "news", 3)
	kafkatest.ProduceRecords(t, c, records...)

	ranking := NewRanking(RankingConfig{Settings: set, Board: "all-time", Boards: []string{"sections", "others"}, Grouped: []string{"sections"}}, "owner")
	ranking.topics = newTopics(set)
	newest, _, err := ranking.newest(t.Context())
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"all-time", "sections/sport", "sections/news"}, slices.Collect(maps.Keys(newest)))
	require.EqualValues(t, len(records), newest["sections/news"].Version)
}
