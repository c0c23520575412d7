package codec_test

import (
	"fmt"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
)

// The newest board is looked for from the end, in windows that grow.
func TestBoardSearch(t *testing.T) {
	for _, c := range []struct {
		name       string
		first, end int64
		boards     map[int64]uint64 // version by offset
		spans      []string
		newest     uint64 // 0 for none
	}{
		{"an empty topic", 7, 7, nil, nil, 0},
		{"few records", 3, 9, map[int64]uint64{4: 1, 8: 2}, []string{"3-9"}, 2},
		{"an older one was published last", 0, 1000, map[int64]uint64{940: 9, 999: 8}, []string{"936-1000"}, 9},
		{"other records behind it", 0, 1000, map[int64]uint64{900: 3, 500: 2}, []string{"936-1000", "808-936"}, 3},
		{"only where the topic begins", 100, 700, map[int64]uint64{100: 5}, []string{"636-700", "508-636", "252-508", "100-252"}, 5},
		{"no board at all", 0, 200, nil, []string{"136-200", "8-136", "0-8"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			search := codec.NewBoardSearch[string](c.first, c.end)
			var spans []string
			for from, to, more := search.Next(); more; from, to, more = search.Next() {
				spans = append(spans, fmt.Sprintf("%d-%d", from, to))
				for at := from; at < to; at++ {
					if version, ok := c.boards[at]; ok {
						search.Found(version, strconv.FormatUint(version, 10))
					}
				}
			}
			require.Equal(t, c.spans, spans)
			if c.newest == 0 {
				require.Nil(t, search.Newest())
			} else {
				require.Equal(t, strconv.FormatUint(c.newest, 10), *search.Newest())
			}
		})
	}
}
