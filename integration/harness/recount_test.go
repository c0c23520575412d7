package harness

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The results of the recount are known: the board's rules applied to a few lines.
func TestRecount(t *testing.T) {
	r := NewRecount()
	for _, line := range []string{"page001.html|1|0.5|1", "b | 1 |0.5|1\n", "a|2|7.152557E-6|-1", "b|3|4.9999995|0"} {
		require.NoError(t, r.Add([]byte(line), 1))
	}
	page := func(rank int, name, heat, clicks, minutes, likes, behaviours string) Page {
		return Page{Rank: rank, Page: name, Heat: json.Number(heat), Clicks: json.Number(clicks),
			Minutes: json.Number(minutes), Likes: json.Number(likes), Behaviours: json.Number(behaviours)}
	}
	want := []Page{
		page(1, "b", "8.5999996", "4", "5.4999995", "1", "2"),
		page(2, "page001.html", "2.2", "1", "0.5", "1", "1"),
		page(3, "a", "0.6000057224", "2", "0.000007153", "-1", "1"),
	}
	assert.Equal(t, want, r.Top(10))
	assert.Equal(t, want[:1], r.Top(1))
	assert.Equal(t, []string{"b", "page001.html", "a"}, r.Names())

	board := &Board{Counted: 4, Pages: want}
	assert.Empty(t, r.CompareBoard(board))
	assert.NotEmpty(t, r.CompareTop(board, 2))
	board.Counted = 3
	assert.NotEmpty(t, r.CompareBoard(board))

	require.NoError(t, r.Add([]byte(` {"page":"a","clicks":1e1,"minutes":0.0000000005}`), 3))
	assert.Equal(t, &Sum{Clicks: 32, Minutes: 7153, Likes: -1, Behaviours: 4}, r.Pages["a"], "half to even")
}

// Invalid behaviours, and those that overflow the sums, are errors and count nothing.
func TestRecountRefuses(t *testing.T) {
	r := NewRecount()
	for _, line := range []string{"a|1", "a|1|1|1|1", "a|x|1|1", "a|1|1.-5|1", `{"page":"a","clicks":1}`} {
		assert.Error(t, r.Add([]byte(line), 1), line)
	}
	require.NoError(t, r.Add([]byte("a|1000000|1440|1"), 3_000_000))
	assert.Error(t, r.Add([]byte("a|1000000|1440|1"), 3_000_000))
	assert.EqualValues(t, 3_000_000, r.Counted)
}

// The fast path for decimals is exact.
func TestScaled(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 10_000 {
		text := fmt.Sprintf("%d.%0*d", random.IntN(1440)-100, 1+random.IntN(9), random.IntN(10))
		exact, err := rounded(text, minuteDecimals)
		require.NoError(t, err)
		quick, err := scaled(text, minuteDecimals)
		require.NoError(t, err)
		require.Equal(t, exact, quick, text)
	}
}
