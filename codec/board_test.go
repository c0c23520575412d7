package codec

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// golden is the board that other programs are promised.
const golden = `{"board":"all-time","version":42,"updated_at":"2026-01-02T03:04:05.678Z",
 "counted":5000000,
 "offsets":{"0":1666667,"1":1666667,"2":1666666},
 "pages":[{"rank":1,"previous_rank":3,"rank_since":"2026-01-02T03:01:00.002Z",
           "page":"page37","heat":302.08829876,
           "clicks":112,"minutes":250.61037345,"likes":12,"behaviours":100}]}`

func goldenBoard() *Board {
	return &Board{
		Board: "all-time", Version: 42,
		UpdatedAt: time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC),
		Counted:   5_000_000,
		Offsets:   NewOffsets([]int64{1666667, 1666667, 1666666}),
		Pages: []BoardPage{{
			Rank: 1, PreviousRank: 3, RankSince: time.Date(2026, 1, 2, 3, 1, 0, 2_000_000, time.UTC),
			Page: "page37", Heat: "302.08829876", Clicks: "112", Minutes: "250.61037345", Likes: "12", Behaviours: 100,
		}},
	}
}

func TestBoardIsWhatOthersArePromised(t *testing.T) {
	var compact bytes.Buffer
	require.NoError(t, json.Compact(&compact, []byte(golden)))
	b, err := EncodeBoard(goldenBoard())
	require.NoError(t, err)
	assert.Equal(t, compact.String(), string(b))

	decoded, err := DecodeBoard([]byte(golden))
	require.NoError(t, err)
	assert.Equal(t, goldenBoard(), decoded)

	marshalled, err := json.Marshal(goldenBoard())
	require.NoError(t, err)
	assert.Equal(t, compact.String(), string(marshalled), "json.Marshal writes the same")
}

// goldenDayBoard has all members that a board can have.
func goldenDayBoard() *Board {
	b := goldenBoard()
	b.Board, b.Kind, b.Period, b.Group, b.Final = "day/2026-01-01", "calendar", "2026-01-01", "sport", true
	b.AsOf = time.Date(2026, 1, 2, 1, 0, 0, 0, time.UTC)
	b.Since = NewOffsets([]int64{100, 0, 7})
	b.Late, b.DefinitionHash = 3, "b110d002d41f4f65"
	b.Definition = jsontext.Value(`{"kind":"calendar","calendar":"day","time-zone":"UTC","include":["/a|/b"]}`)
	p := &b.Pages[0]
	p.Clicks, p.Likes = "111.9999999999", "-0.0000000001"
	p.Title, p.URL = `Tom & "Jerry"`, "https://forum.example/t/37?a=b"
	return b
}

func TestMembersOfBoardsThatMoveWithTime(t *testing.T) {
	b, err := EncodeBoard(goldenDayBoard())
	require.NoError(t, err)
	assert.Contains(t, string(b), `,"offsets":{"0":1666667,"1":1666667,"2":1666666}`+
		`,"kind":"calendar","period":"2026-01-01","group":"sport","final":true,"as_of":"2026-01-02T01:00:00.000Z"`+
		`,"since":{"0":100,"1":0,"2":7},"late":3,"definition_hash":"b110d002d41f4f65"`+
		`,"definition":{"kind":"calendar","calendar":"day","time-zone":"UTC","include":["/a|/b"]},"pages":[`)
	assert.Contains(t, string(b), `"clicks":111.9999999999,"minutes":250.61037345,"likes":-0.0000000001,`)

	assert.Contains(t, string(b), `"page":"page37","title":"Tom & \"Jerry\"","url":"https://forum.example/t/37?a=b","heat":`)

	board := goldenBoard()
	board.Kind, board.Since = "window", Offsets{}
	b, err = EncodeBoard(board)
	require.NoError(t, err)
	assert.Contains(t, string(b), `,"kind":"window","since":{},"late":0,"pages"`, "a board with a kind says that nothing was late")

	text := strings.Replace(golden, `"pages"`, `"definition":{ "size" : 1e1, "a":"\u0041" },"pages"`, 1)
	board, err = DecodeBoard([]byte(text))
	require.NoError(t, err)
	assert.Equal(t, `{"size":1e1,"a":"\u0041"}`, string(board.Definition), "a definition is left as it is, without white space")
}

func TestBoardOfNothing(t *testing.T) {
	b, err := EncodeBoard(&Board{Board: "all-time"})
	require.NoError(t, err)
	assert.Equal(t, `{"board":"all-time","version":0,"updated_at":"0001-01-01T00:00:00.000Z","counted":0,"offsets":{},"pages":[]}`, string(b))
}

func TestBoardNumbersOfAnySize(t *testing.T) {
	board := goldenBoard()
	p := &board.Pages[0]
	p.Heat, p.Clicks, p.Minutes, p.Likes = "-252460800000000000000.0000000001", "315576000000000000000", "0.000000001", "-9223372036854775809.5"
	b, err := EncodeBoard(board)
	require.NoError(t, err)
	assert.Contains(t, string(b), `"heat":-252460800000000000000.0000000001,"clicks":315576000000000000000,"minutes":0.000000001,"likes":-9223372036854775809.5`)
	decoded, err := DecodeBoard(b)
	require.NoError(t, err)
	assert.Equal(t, board, decoded)
}

func TestBoardTimesAreUTCInMilliseconds(t *testing.T) {
	board := goldenBoard()
	board.UpdatedAt = time.Date(2026, 1, 2, 5, 4, 5, 600_999_999, time.FixedZone("", 2*60*60))
	b, err := EncodeBoard(board)
	require.NoError(t, err)
	assert.Contains(t, string(b), `"updated_at":"2026-01-02T03:04:05.600Z"`)
}

func TestBoardEscapesOnlyWhatItMust(t *testing.T) {
	board := goldenBoard()
	board.Pages[0].Page = `/a?b=<c>&d="e"\é日😀` + "\u2028"
	b, err := EncodeBoard(board)
	require.NoError(t, err)
	assert.Contains(t, string(b), `"page":"/a?b=<c>&d=\"e\"\\é日😀`+"\u2028"+`"`)
	decoded, err := DecodeBoard(b)
	require.NoError(t, err)
	assert.Equal(t, board, decoded)
}

func TestOffsetsAreInNumericOrder(t *testing.T) {
	o := NewOffsets(make([]int64, 12))
	text, err := json.Marshal(o)
	require.NoError(t, err)
	assert.Equal(t, `{"0":0,"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0,"10":0,"11":0}`, string(text))

	require.NoError(t, json.Unmarshal([]byte(`{"10":7,"2":5,"2147483647":1}`), &o))
	assert.Equal(t, Offsets{{2, 5}, {10, 7}, {math.MaxInt32, 1}}, o)
	offset, ok := o.Get(10)
	assert.True(t, ok)
	assert.Equal(t, int64(7), offset)
	for _, absent := range []int32{0, 3, 11} {
		_, ok = o.Get(absent)
		assert.False(t, ok, absent)
	}
}

func TestBoardsThatCannotBeWritten(t *testing.T) {
	for _, d := range []Decimal{"", "-", ".", "1.", ".5", "1.0", "1.50", "01", "-0", "+1", "1e3", "NaN", "1,2", "1.2.3", "-01", "0x1", `1,"x":2`} {
		for _, field := range []func(*BoardPage) *Decimal{
			func(p *BoardPage) *Decimal { return &p.Heat },
			func(p *BoardPage) *Decimal { return &p.Clicks },
			func(p *BoardPage) *Decimal { return &p.Minutes },
			func(p *BoardPage) *Decimal { return &p.Likes },
		} {
			board := goldenBoard()
			*field(&board.Pages[0]) = d
			_, err := EncodeBoard(board)
			require.ErrorContains(t, err, "is not a plain decimal", "%q", d)
			assert.ErrorContains(t, err, "page37", "the error names the page")
		}
		_, err := json.Marshal(d)
		require.Error(t, err)
	}
	board := goldenBoard()
	board.Pages[0].RankSince = time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -60*60))
	_, err := EncodeBoard(board)
	require.ErrorContains(t, err, "rank_since")
	board.UpdatedAt = time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)
	_, err = EncodeBoard(board)
	require.ErrorContains(t, err, "updated_at")

	board = goldenBoard()
	board.AsOf = time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)
	_, err = EncodeBoard(board)
	require.ErrorContains(t, err, "as_of")
	for _, definition := range []string{"", "null", "5", "[]", "{", `{"a":1}{}`, `{"a":1,"a":2}`, "{\"\xff\":1}"} {
		board = goldenBoard()
		board.Definition = jsontext.Value(definition)
		_, err = EncodeBoard(board)
		require.ErrorContains(t, err, "definition", "%s", definition)
	}
	for _, member := range []func(*Board) *string{
		func(b *Board) *string { return &b.Kind }, func(b *Board) *string { return &b.Period },
		func(b *Board) *string { return &b.Group }, func(b *Board) *string { return &b.DefinitionHash },
	} {
		board = goldenBoard()
		*member(board) = "\xff"
		_, err = EncodeBoard(board)
		require.Error(t, err)
	}

	board = goldenBoard()
	board.Pages[0].Page = "\xff"
	_, err = EncodeBoard(board)
	require.Error(t, err)
	board.Board = "\xff"
	_, err = EncodeBoard(board)
	require.Error(t, err)
}

func TestDecimals(t *testing.T) {
	for _, d := range []Decimal{"0", "1", "-1", "10", "0.1", "-0.1", "100.001", "-302.08829876"} {
		text, err := json.Marshal(d)
		require.NoError(t, err)
		assert.Equal(t, string(d), string(text))
		var back Decimal
		require.NoError(t, json.Unmarshal(text, &back))
		assert.Equal(t, d, back)
	}
}

func TestBoardsThatAreNone(t *testing.T) {
	for _, text := range []string{
		"", "null", "{}", "[]", "5", `"all-time"`, golden + "x", golden[:len(golden)-1],
		strings.Replace(golden, `"all-time"`, `""`, 1),
		strings.Replace(golden, "302.08829876", "3.0208829876e2", 1),
		strings.Replace(golden, "302.08829876", `"302.08829876"`, 1),
		strings.Replace(golden, "302.08829876", "302.0", 1),
		strings.Replace(golden, "302.08829876", "null", 1),
		strings.Replace(golden, `"clicks":112,`, "", 1),
		strings.Replace(golden, `"likes":12,`, "", 1),
		strings.Replace(golden, `"likes":12,`, `"likes":12.0,`, 1),
		strings.Replace(golden, `"pages"`, `"as_of":"9999-12-31T23:59:59-01:00","pages"`, 1),
		strings.Replace(golden, `"pages"`, `"late":9007199254740992,"pages"`, 1),
		strings.Replace(golden, `"pages"`, `"late":-1,"pages"`, 1),
		strings.Replace(golden, `"pages"`, `"kind":1,"pages"`, 1),
		strings.Replace(golden, `"pages"`, `"since":{"0":-1},"pages"`, 1),
		strings.Replace(golden, `"pages"`, `"final":"true","pages"`, 1),
		strings.Replace(golden, `"pages"`, `"definition":null,"pages"`, 1),
		strings.Replace(golden, `"pages"`, `"definition":"window","pages"`, 1),
		strings.Replace(golden, `"pages"`, `"definition":{"size":1,"size":2},"pages"`, 1),
		strings.Replace(golden, "2026-01-02T03:04:05.678Z", "9999-12-31T23:59:59-01:00", 1),
		strings.Replace(golden, `"version":42`, `"version":-42`, 1),
		strings.Replace(golden, `"version":42`, `"version":42,"version":43`, 1),
		strings.Replace(golden, `"2":1666666`, `"x":1666666`, 1),
		strings.Replace(golden, `"2":1666666`, `"02":1666666`, 1),
		strings.Replace(golden, `"2":1666666`, `"-2":1666666`, 1),
		strings.Replace(golden, `"2":1666666`, `"2":1.5`, 1),
		strings.Replace(golden, "2026-01-02T03:04:05.678Z", "yesterday", 1),
	} {
		_, err := DecodeBoard([]byte(text))
		require.ErrorIs(t, err, ErrMalformed, text)
	}
}

func TestABoardOfANewerProgramCanBeRead(t *testing.T) {
	text := strings.Replace(golden, `"version"`, `"window":{"from":[1]},"version"`, 1)
	text = strings.Replace(text, `"rank":1`, `"trend":"up","rank":1`, 1)
	b, err := DecodeBoard([]byte(text))
	require.NoError(t, err)
	assert.Equal(t, goldenBoard(), b)
}

func TestBoardsRoundTrip(t *testing.T) {
	decimal := rapid.Custom(func(t *rapid.T) Decimal {
		text := rapid.StringMatching(`-?(0|[1-9][0-9]{0,25})(\.[0-9]{0,9}[1-9])?`).Draw(t, "decimal")
		if text == "-0" {
			text = "0"
		}
		return Decimal(text)
	})
	instant := rapid.Custom(func(t *rapid.T) time.Time {
		return time.UnixMilli(rapid.Int64Range(0, 200_000_000_000_000).Draw(t, "ms")).UTC()
	})
	rapid.Check(t, func(t *rapid.T) {
		board := &Board{
			Board: rapid.StringN(1, 20, -1).Draw(t, "board"), Version: rapid.Uint64Range(0, MaxNumber-1).Draw(t, "version"),
			UpdatedAt: instant.Draw(t, "at"), Counted: rapid.Uint64Range(0, MaxNumber-1).Draw(t, "counted"),
			Offsets: NewOffsets(rapid.SliceOfN(rapid.Int64Range(0, MaxNumber-1), 0, 12).Draw(t, "offsets")),
			Pages:   []BoardPage{},
		}
		if rapid.Bool().Draw(t, "not of all time") {
			board.Kind = rapid.SampledFrom([]string{"window", "trending", "calendar", "of a newer program"}).Draw(t, "kind")
			board.Period, board.Group = rapid.String().Draw(t, "period"), rapid.String().Draw(t, "group")
			board.Final = rapid.Bool().Draw(t, "final")
			board.AsOf = instant.Draw(t, "as of").Truncate(time.Minute)
			if rapid.Bool().Draw(t, "later") {
				board.Since = NewOffsets(rapid.SliceOfN(rapid.Int64Range(0, MaxNumber-1), 0, 12).Draw(t, "since"))
			}
			board.Late = rapid.Uint64Range(0, MaxNumber-1).Draw(t, "late")
			board.DefinitionHash = rapid.String().Draw(t, "hash")
			if rapid.Bool().Draw(t, "defined") {
				definition, err := json.Marshal(map[string]any{rapid.String().Draw(t, "member"): rapid.String().Draw(t, "value"), "size": rapid.Int().Draw(t, "size")})
				require.NoError(t, err)
				board.Definition = definition
			}
		}
		for rank := range rapid.IntRange(0, 4).Draw(t, "pages") {
			board.Pages = append(board.Pages, BoardPage{
				Rank: rank + 1, PreviousRank: rapid.IntRange(0, 10).Draw(t, "previous"), RankSince: instant.Draw(t, "since"),
				Page: rapid.String().Draw(t, "page"), Heat: decimal.Draw(t, "heat"),
				Clicks: decimal.Draw(t, "clicks"), Minutes: decimal.Draw(t, "minutes"),
				Likes: decimal.Draw(t, "likes"), Behaviours: rapid.Uint64().Draw(t, "behaviours"),
			})
		}
		text, err := EncodeBoard(board)
		require.NoError(t, err)
		require.True(t, json.Valid(text))
		decoded, err := DecodeBoard(text)
		require.NoError(t, err)
		require.Equal(t, board, decoded)
	})
}
