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
		{"an older one was published last", 0, 8000, map[int64]uint64{7500: 9, 7999: 8}, []string{"7488-8000"}, 9},
		{"other records behind it", 0, 8000, map[int64]uint64{7000: 3, 6000: 2}, []string{"7488-8000", "6464-7488"}, 3},
		{"only where the topic begins", 800, 5600, map[int64]uint64{800: 5}, []string{"5088-5600", "4064-5088", "2016-4064", "800-2016"}, 5},
		{"no board at all", 0, 1600, nil, []string{"1088-1600", "64-1088", "0-64"}, 0},
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
