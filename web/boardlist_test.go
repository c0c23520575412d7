package web

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/codec"
)

// Boards of all kinds, as of the same minute.
func windowBoard(key string, version uint64) *codec.Board {
	b := aBoard()
	b.Board, b.Version, b.Kind, b.AsOf, b.DefinitionHash = key, version, "window", asOfMinute(), "ce6c2c9ede7ce180"
	b.Definition = jsontext.Value(`{"kind":"window","window":"24h","step":"5m","size":10}`)
	return b
}

func trendingBoard() *codec.Board {
	b := aBoard()
	b.Board, b.Kind, b.AsOf, b.DefinitionHash = "trending", "trending", asOfMinute(), "35eaea119afc3285"
	b.Definition = jsontext.Value(`{"kind":"trending","half-life":"6h","size":10}`)
	b.Pages[0].Clicks, b.Pages[0].Likes = "111.5000000001", "-0.25"
	return b
}

func dayBoard(part string) *codec.Board {
	b := aBoard()
	b.Board, b.Kind, b.AsOf, b.Period, b.DefinitionHash = codec.BoardKey("day", part), "calendar", asOfMinute(), "2026-01-02", "b110d002d41f4f65"
	b.Definition = jsontext.Value(`{"kind":"calendar","calendar":"day","time-zone":"Europe/Berlin"}`)
	b.Late, b.Since = 3, codec.NewOffsets([]int64{1, 0, 0})
	if part != "" {
		b.Period, b.Final = part, true
	}
	return b
}

func groupBoard(group string) *codec.Board {
	b := windowBoard(codec.BoardKey("hours", group), 43)
	b.Group = group
	return b
}

func asOfMinute() time.Time { return time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC) }

// parts are names of groups that are hard to put in an address.
func parts() []string {
	return []string{"sport", "events", "feed.atom", "feed.rss", "list.html", "a b", "日本", "50%", "%2F", "?x=y&z", "#", "...", "a+b", `"<b>`}
}

func TestListOfBoards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boards, _, cfg := served()
		h := handler(t, cfg)
		w := ask(h, "GET", "/api/v1/boards")
		require.Equal(t, http.StatusOK, w.Code)
		requireBody(t, w, `{"boards":[]}`)

		for _, b := range []*codec.Board{aBoard(), trendingBoard(), dayBoard(""), dayBoard("2026-01-01"), dayBoard("2025-12-31"), groupBoard("sport"), groupBoard("arts")} {
			boards.publishBoard(t, b)
		}
		requireBody(t, ask(h, "GET", "/api/v1/boards"), `{"boards":[]}`) // for a moment
		time.Sleep(listInterval)
		w = ask(h, "GET", "/api/v1/boards")
		require.Equal(t, "application/json", w.Header().Get("Content-Type"))
		require.Equal(t, "no-cache", w.Header().Get("Cache-Control"))
		requireBody(t, w, `{"boards":[`+
			`{"name":"all-time","kind":"all-time","title":"All time","version":42,"updated_at":"2026-01-02T03:04:05.678Z","groups":[],"groups_in_all":0,"periods":[],"periods_in_all":0},`+
			`{"name":"day","kind":"calendar","title":"By day, Europe/Berlin","version":42,"updated_at":"2026-01-02T03:04:05.678Z","as_of":"2026-01-02T03:04:00.000Z","period":"2026-01-02",`+
			`"groups":[],"groups_in_all":0,"periods":["2026-01-01","2025-12-31"],"periods_in_all":2,`+
			`"definition_hash":"b110d002d41f4f65","definition":{"kind":"calendar","calendar":"day","time-zone":"Europe/Berlin"}},`+
			`{"name":"hours","kind":"window","title":"Last 24 hours","groups":["arts","sport"],"groups_in_all":2,"periods":[],"periods_in_all":0,`+
			`"definition_hash":"ce6c2c9ede7ce180","definition":{"kind":"window","window":"24h","step":"5m","size":10}},`+
			`{"name":"trending","kind":"trending","title":"Trending, half-life 6 hours","version":42,"updated_at":"2026-01-02T03:04:05.678Z","as_of":"2026-01-02T03:04:00.000Z",`+
			`"groups":[],"groups_in_all":0,"periods":[],"periods_in_all":0,"definition_hash":"35eaea119afc3285","definition":{"kind":"trending","half-life":"6h","size":10}}]}`)
		tag := w.Header().Get("ETag")
		require.Equal(t, http.StatusNotModified, ask(h, "GET", "/api/v1/boards", "If-None-Match", tag).Code)
		boards.delete("day/2025-12-31")
		time.Sleep(listInterval)
		w = ask(h, "GET", "/api/v1/boards", "If-None-Match", tag)
		require.Equal(t, http.StatusOK, w.Code)
		require.Contains(t, w.Body.String(), `"periods":["2026-01-01"]`)
	})
}

// TestListIsBounded: of groups and periods it has the first, and their number.
func TestListIsBounded(t *testing.T) {
	boards, _, cfg := served()
	for i := range maxParts + 5 {
		boards.publishBoard(t, groupBoard(fmt.Sprintf("g%05d", i)))
		boards.publishBoard(t, dayBoard(time.Unix(0, 0).AddDate(0, 0, i).Format(time.DateOnly)))
	}
	var list struct{ Boards []listedBoard }
	require.NoError(t, json.Unmarshal(ask(handler(t, cfg), "GET", "/api/v1/boards").Body.Bytes(), &list))
	require.Len(t, list.Boards, 2)
	day, hours := list.Boards[0], list.Boards[1]
	require.Len(t, day.Periods, maxParts)
	require.Equal(t, []any{maxParts + 5, time.Unix(0, 0).AddDate(0, 0, maxParts+4).Format(time.DateOnly)}, []any{day.PeriodsInAll, day.Periods[0]})
	require.Len(t, hours.Groups, maxParts)
	require.Equal(t, []any{maxParts + 5, "g00000"}, []any{hours.GroupsInAll, hours.Groups[0]})
}

// TestGroupsAndPeriods: each has an address, and every form of a board.
func TestGroupsAndPeriods(t *testing.T) {
	boards, _, cfg := served()
	h := handler(t, cfg)
	boards.publishBoard(t, windowBoard("hours", 50))
	boards.publishBoard(t, dayBoard("2026-01-01"))
	for _, part := range parts() {
		boards.publishBoard(t, groupBoard(part))
	}
	require.Equal(t, published(t, dayBoard("2026-01-01")).Value, ask(h, "GET", "/api/v1/boards/day/2026-01-01").Body.Bytes())
	for _, part := range parts() {
		key := "hours/" + part
		value := published(t, groupBoard(part)).Value
		for _, path := range []string{boardPath(key, ""), "api/v1/boards/hours?part=" + url.QueryEscape(part)} {
			w := ask(h, "GET", "/"+path)
			require.Equal(t, http.StatusOK, w.Code, path)
			require.Equal(t, string(value), w.Body.String(), path)
			require.Equal(t, `"43"`, w.Header().Get("ETag"))
			require.Equal(t, http.StatusNotModified, ask(h, "GET", "/"+path, "If-None-Match", `"43"`).Code)
		}
		w := ask(h, "GET", "/"+boardPath(key, "feed.atom"))
		var feed atomFeed
		require.NoError(t, xml.Unmarshal(w.Body.Bytes(), &feed), w.Body)
		assert.Equal(t, "Hottest pages of the last 24 hours: "+part, feed.Title)
		assert.Equal(t, boardURN(key), feed.ID)
		self, err := url.Parse("http://x/" + boardPath(key, "feed.atom"))
		require.NoError(t, err)
		resolved, err := self.Parse(feed.Self.Href)
		require.NoError(t, err)
		assert.Equal(t, self.String(), resolved.String())
		require.Contains(t, ask(h, "GET", "/"+boardPath(key, "feed.rss")).Body.String(), "<rss")
		require.Contains(t, ask(h, "GET", "/"+boardPath(key, "list.html")).Body.String(), `<time datetime="2026-01-02T03:04:00Z">`)
		require.Contains(t, ask(h, "HEAD", "/"+boardPath(key, "events")).Header().Get("Content-Type"), "text/event-stream")
	}
	require.Contains(t, ask(h, "GET", "/api/v1/boards/hours/list.html").Body.String(), "refresh")
	require.NotContains(t, ask(h, "GET", "/api/v1/boards/day/2026-01-01/list.html").Body.String(), "refresh", "it never changes")
}

func TestUnknownBoardsAreToldTheKnownOnes(t *testing.T) {
	boards, _, cfg := served()
	boards.publishBoard(t, aBoard())
	boards.publishBoard(t, windowBoard("hours", 43))
	boards.publishBoard(t, groupBoard("sport"))
	boards.publishBoard(t, dayBoard("2026-01-01"))
	h := handler(t, cfg)
	for path, detail := range map[string]string{
		"weekly":            `There is no board "weekly". There are: "all-time", "day", "hours".`,
		"weekly/sport":      `There is no board "weekly". There are: "all-time", "day", "hours".`,
		"hours/arts":        `There is no "arts" of the board "hours". There are: "sport".`,
		"hours/arts/events": `There is no "arts" of the board "hours". There are: "sport".`,
		"all-time/sport":    `The board "all-time" has no groups and no closed periods.`,
		"day":               `There is no board of all groups of the board "day". There are: "2026-01-01".`,
		"hours?part=events": `There is no "events" of the board "hours". There are: "sport".`,
	} {
		require.Equal(t, detail, requireProblem(t, ask(h, "GET", "/api/v1/boards/"+path), http.StatusNotFound, "").Detail, path)
	}

	boards, _, cfg = served()
	for i := range 1000 {
		boards.publishBoard(t, windowBoard(fmt.Sprintf("b%03d", i), 1))
		boards.publishBoard(t, dayBoard(time.Unix(0, 0).AddDate(0, 0, i).Format(time.DateOnly)))
	}
	h = handler(t, cfg)
	p := requireProblem(t, ask(h, "GET", "/api/v1/boards/x"), http.StatusNotFound, `"b000", "b001", `)
	require.True(t, strings.HasSuffix(p.Detail, `"b019" and 981 more, see api/v1/boards.`), p.Detail)
	p = requireProblem(t, ask(h, "GET", "/api/v1/boards/day/x"), http.StatusNotFound, `"1972-09-26", "1972-09-25"`)
	require.True(t, strings.HasSuffix(p.Detail, ` and 980 more, see api/v1/boards.`), p.Detail)
}

func TestTitlesOfBoards(t *testing.T) {
	for _, c := range []struct {
		kind, definition, group, period string
		kindTitle, title                string
	}{
		{"", "", "", "", "All time", "Hottest pages: b"},
		{"all-time", "", "", "", "All time", "Hottest pages: b"},
		{"window", `{"window":"1h"}`, "", "", "Last hour", "Hottest pages of the last hour"},
		{"window", `{"window":"90m"}`, "sport", "", "Last 90 minutes", "Hottest pages of the last 90 minutes: sport"},
		{"window", `{"window":"24h0m0s"}`, "", "", "Last 24 hours", "Hottest pages of the last 24 hours"},
		{"window", `{"window":"7d"}`, "", "", "Last 7 days", "Hottest pages of the last 7 days"},
		{"window", `{"window":"1m"}`, "", "", "Last minute", "Hottest pages of the last minute"},
		{"window", `{"window":7}`, "", "", "Window", "Hottest pages: b"},
		{"window", `{"window":"-7h"}`, "", "", "Window", "Hottest pages: b"},
		{"window", `{"window":"99999d"}`, "", "", "Window", "Hottest pages: b"},
		{"window", "", "", "", "Window", "Hottest pages: b"},
		{"trending", `{"half-life":"1h"}`, "", "", "Trending, half-life 1 hour", "Trending pages"},
		{"trending", `{}`, "", "", "Trending", "Trending pages"},
		{"calendar", `{"calendar":"week","time-zone":"UTC"}`, "", "2026-W01", "By week", "Hottest pages of 2026-W01"},
		{"calendar", `{}`, "", "", "Calendar", "Hottest pages: b"},
		{"of a newer program", `{}`, "", "", "of a newer program", "Hottest pages: b"},
	} {
		head := &codec.Board{Board: "b", Kind: c.kind, Group: c.group, Period: c.period}
		if c.definition != "" {
			head.Definition = jsontext.Value(c.definition)
		}
		assert.Equal(t, c.kindTitle, kindTitle(head), "%+v", c)
		assert.Equal(t, c.title, boardTitle(head), "%+v", c)
	}
	assert.Equal(t, "Hottest pages", boardTitle(aBoard()))
}

// TestPathsOfBoards: each key has a path of its own, whatever its part is.
func TestPathsOfBoards(t *testing.T) {
	boards, _, cfg := served()
	h := handler(t, cfg)
	rapid.Check(t, func(rt *rapid.T) {
		part := rapid.OneOf(rapid.SampledFrom(parts()), rapid.String()).Draw(rt, "part")
		if _, _, ok := codec.SplitBoardKey(codec.BoardKey("b", part)); !ok || part == "" {
			return
		}
		b := windowBoard(codec.BoardKey("b", part), 1)
		boards.publishBoard(t, b)
		w := ask(h, "GET", "/"+boardPath(b.Board, ""))
		if w.Code != http.StatusOK || w.Body.String() != string(published(t, b).Value) {
			rt.Fatalf("%s: %d %s", boardPath(b.Board, ""), w.Code, w.Body)
		}
	})
}
