package web

import (
	"fmt"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/browser"
	"pageheat/integration/samples"
)

// namedBoard is a board of pages with these names, the first with most heat.
func namedBoard(b *codec.Board, names ...string) *codec.Board {
	b.Pages = nil
	for i, name := range names {
		clicks := 40 - 3*i
		heat := 8*clicks + 8*50 + 10 // in tenths
		b.Pages = append(b.Pages, codec.BoardPage{Rank: i + 1, PreviousRank: i, RankSince: b.UpdatedAt.Add(-time.Duration(i) * time.Hour), Page: name,
			Heat:   codec.Decimal(strings.TrimSuffix(fmt.Sprintf("%d.%d", heat/10, heat%10), ".0")),
			Clicks: codec.Decimal(strconv.Itoa(clicks)), Minutes: "50", Likes: "1", Behaviours: 60})
	}
	return b
}

// boardsOfASite publishes the boards of a news site.
func boardsOfASite(t *testing.T, boards *fakeBoards) {
	t.Helper()
	at := time.Now().UTC().Truncate(time.Minute)
	fresh := func(b *codec.Board) *codec.Board {
		b.UpdatedAt = time.Now()
		if b.Kind != "" && !b.Final {
			b.AsOf = at
		}
		return b
	}
	site := []string{"/news/budget-vote", "/sport/cup-final", "/news/storm-warning", "/culture/festival-opens", "/sport/transfer-window",
		"/science/comet", "/news/rail-strike", "/food/tomatoes", "/travel/night-trains", "/opinion/commute"}
	boards.publishBoard(t, fresh(namedBoard(aBoard(), site...)))
	hours := windowBoard("last-24h", 5)
	boards.publishBoard(t, fresh(namedBoard(hours, site[2], site[0], site[5], site[1], "/news/just-in", site[3], site[8], site[9], site[4], "/sport/late-goal")))
	trending := trendingBoard()
	trending.Late, trending.Since = 12, codec.NewOffsets([]int64{500})
	boards.publishBoard(t, fresh(namedBoard(trending, "/news/just-in", site[5], "/sport/late-goal", site[2], site[7])))
	boards.publishBoard(t, fresh(namedBoard(dayBoard(""), site[1], site[5], site[2], site[7])))
	for _, day := range []string{"2026-01-01", "2025-12-31"} {
		boards.publishBoard(t, fresh(namedBoard(dayBoard(day), site[6], site[5])))
	}
	for _, group := range []string{"news", "sport", "events"} {
		b := windowBoard("last-24h/"+group, 6)
		b.Group = group
		boards.publishBoard(t, fresh(namedBoard(b, "/"+group+"/one", "/"+group+"/two")))
	}
	capped := windowBoard("fair", 9)
	capped.Definition = jsontext.Value(`{"kind":"window","window":"1h","step":"1m","max-per-step":"10","weight-clicks":"2","weight-minutes":"1","weight-likes":"1"}`)
	boards.publishBoard(t, fresh(namedBoard(capped, site[3], site[4])))
}

const shownNames = `[...document.querySelectorAll('#rows .name')].map((n) => n.textContent).join(' ')`

// TestBoardsInABrowser: the dashboard has a bar of all boards, where there are several, and shows any
// of them, with their groups and closed periods.
func TestBoardsInABrowser(t *testing.T) {
	boards, _, cfg := served()
	cfg.Prefix = "/heat"
	server := httptest.NewServer(handler(t, cfg))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	old := aBoard()
	old.Version--
	boards.publishBoard(t, namedBoard(old, "/old"))

	// One board: no bar, and nothing about its kind.
	tab := browser.Open(t)
	tab.Go(server.URL + "/heat/")
	tab.Watch()
	tab.Until(shownNames + ` === '/old'`)
	tab.Until(`boards.list.length === 1`)
	tab.Until(`document.getElementById('tabs').hidden && document.getElementById('about-board').hidden`)

	boardsOfASite(t, boards)
	time.Sleep(listInterval)
	tab.Go(server.URL + "/heat/")
	tab.Watch()
	const current = `[...document.querySelectorAll('#names a')].map((a) => a.textContent + (a.hasAttribute('aria-current') ? '*' : '')).join(' ')`
	tab.Until(current + ` === 'all-time* day fair last-24h trending'`)
	tab.Until(`document.querySelectorAll('#rows tr').length === 10`)
	pictures(tab, "boards-all-time")

	// By keyboard to another board, without a reload.
	tab.Do(`document.querySelector('#names a[data-board=trending]').focus()`)
	tab.Key("\r")
	tab.Until(current + ` === 'all-time day fair last-24h trending*' && ` + shownNames + `.startsWith('/news/just-in ')`)
	tab.Until(`document.getElementById('about-board').textContent.startsWith('Trending, half-life 6 hours, as of ')`)
	about := tab.Text(`document.getElementById('about-board').textContent`)
	require.Contains(t, about, "Behaviours from before the board was added are not in it. 12 behaviours came too late for it.")
	require.Equal(t, "?board=trending", tab.Text(`location.search`))
	require.Equal(t, "true", tab.Text(`document.activeElement.dataset.board === 'trending'`), "the focus stays")
	tab.Until(`document.querySelector('#rows .clicks-total').textContent === '40.0'`)
	tab.Until(`document.title === '/news/just-in · trending · pageheat'`)
	pictures(tab, "boards-trending")

	// Groups, also one with the name of a form of a board.
	tab.Click(`#names a[data-board="last-24h"]`)
	tab.Until(`!document.getElementById('group').closest('label').hidden && document.getElementById('period').closest('label').hidden`)
	require.Equal(t, "All groups,events,news,sport", tab.Text(`[...document.getElementById('group').options].map((o) => o.textContent).join()`))
	tab.Do(`const s = document.getElementById('group'); s.value = 'events'; s.dispatchEvent(new Event('change'))`)
	tab.Until(shownNames + ` === '/events/one /events/two'`)
	tab.Until(`document.getElementById('board-title').textContent === 'Top 2 pages: last-24h / events'`)
	require.Equal(t, "?board=last-24h%2Fevents", tab.Text(`location.search`))
	require.Contains(t, tab.Text(`document.getElementById('as-json').href`), "/heat/api/v1/boards/last-24h?part=events")
	group := *groupBoard("x")
	group.Board, group.Version = "last-24h/events", 7
	boards.publishBoard(t, namedBoard(&group, "/events/three"))
	tab.Until(shownNames + ` === '/events/three'`)

	// A closed period.
	tab.Click(`#names a[data-board=day]`)
	tab.Until(`document.getElementById('about-board').textContent.startsWith('2026-01-02 so far, as of ')`)
	tab.Do(`const s = document.getElementById('period'); s.value = '2025-12-31'; s.dispatchEvent(new Event('change'))`)
	tab.Until(`document.getElementById('about-board').textContent.startsWith('2025-12-31, closed: this board does not change any more.')`)
	pictures(tab, "boards-day")

	// Back goes to the board before, and an address leads to its board.
	tab.Do(`history.back()`)
	tab.Until(`document.getElementById('about-board').textContent.startsWith('2026-01-02 so far')`)
	tab.Do(`history.back()`)
	tab.Until(shownNames + ` === '/events/three'`)
	require.Empty(t, tab.Wrong())
	tab.Go(server.URL + "/heat/?board=fair")
	tab.Watch()
	tab.Until(shownNames + ` === '/culture/festival-opens /sport/transfer-window'`)
	require.Equal(t, "1", tab.Text(`[...document.querySelector('#rows .bar').children].filter((s) => parseFloat(s.style.width) > 0).length`),
		"heat with a maximum in each step is not the sum of its parts")

	tab.Until(`document.getElementById('about-board').textContent.endsWith('A page gets at most 10 heat in each step of 1m.')`)
	tab.Until(`document.getElementById('formula').textContent.startsWith('heat = 2\u00a0×\u00a0clicks + 1\u00a0×\u00a0minutes')`)

	// A board that is deleted while it is shown, and one that never was.
	boards.delete("fair")
	tab.Until(`document.getElementById('empty').textContent.startsWith('There is no board "fair". There are: "all-time", "day"')`)
	require.Equal(t, "0", tab.Text(`document.querySelectorAll('#rows tr').length`))
	require.Empty(t, tab.Wrong())
	tab.Go(server.URL + "/heat/?board=%3Cb%3E%E2%80%AE")
	tab.Watch()
	tab.Until(`document.getElementById('empty').textContent.includes('There is no board') && document.querySelectorAll('#names b').length === 0`)
	require.Empty(t, tab.Wrong())
}

// TestComparisonInABrowser: two boards side by side, with the difference of ranks.
func TestComparisonInABrowser(t *testing.T) {
	boards, _, cfg := served()
	cfg.Prefix = "/heat"
	server := httptest.NewServer(handler(t, cfg))
	t.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	boardsOfASite(t, boards)
	tab := browser.Open(t)
	tab.Go(server.URL + "/heat/?board=last-24h")
	tab.Until(`document.getElementById('compare').href.endsWith('compare?left=last-24h&right=all-time')`)
	tab.Click("#compare")
	tab.Until(`location.pathname === '/heat/compare'`)
	tab.Watch()
	tab.Until(`document.querySelectorAll('#left option').length > 5`)
	const rows = `[...document.querySelectorAll('#rows tr')].map((row) => [...row.children].map((c) => c.firstElementChild ? c.firstElementChild.textContent : c.textContent).join('|')).join(' ')`
	tab.Do(`const s = document.getElementById('left'); s.value = 'day'; s.dispatchEvent(new Event('change'))`)
	tab.Do(`const s = document.getElementById('right'); s.value = 'trending'; s.dispatchEvent(new Event('change'))`)
	tab.Until(rows + ` === '/sport/cup-final|1|–|73.00||left only /science/comet|2|2|70.60|70.60|same /news/storm-warning|3|4|68.20|65.80|▼ 1 ` +
		`/food/tomatoes|4|5|65.80|63.40|▼ 1 /news/just-in|–|1||73.00|right only /sport/late-goal|–|3||68.20|right only'`)
	require.Equal(t, "1 place lower on the right board", tab.Text(`document.querySelectorAll('#rows .difference .unseen')[2].textContent`))
	require.Equal(t, "?left=day&right=trending", tab.Text(`location.search`))
	pictures(tab, "compare")

	tab.Click("#swap")
	tab.Until(`document.querySelector('#rows .page')?.textContent === '/news/just-in' && location.search === '?left=trending&right=day'`)
	tab.Until(`document.getElementById('left-about').textContent.startsWith('Trending, half-life 6 hours')`)

	// It follows both.
	day := dayBoard("")
	day.Version = 50
	boards.publishBoard(t, namedBoard(day, "/news/just-in"))
	tab.Until(rows + `.startsWith('/news/just-in|1|1|73.00|73.00|same ')`)
	tab.Do(`history.back()`)
	tab.Until(`document.getElementById('left').value === 'day' && document.getElementById('right').value === 'trending'`)
	require.Empty(t, tab.Wrong())

	tab.Go(server.URL + "/heat/compare?left=nothing&right=day")
	tab.Watch()
	tab.Until(`document.getElementById('left-about').textContent.startsWith('There is no board "nothing". There are: "all-time"')`)
	tab.Until(`document.querySelectorAll('#rows tr').length === 1`)
	require.Empty(t, tab.Wrong())
}

// TestTitlesAndLinksInABrowser: the dashboard and the comparison show titles, as text, and lead to pages whose
// address is known and may be a link.
func TestTitlesAndLinksInABrowser(t *testing.T) {
	boards, pages, cfg := served()
	const title = `<b>Two</b> ⟨cats⟩`
	named := func(b *codec.Board) *codec.Board {
		b = namedBoard(b, "/t/1", "/t/2", "/t/3")
		b.Pages[0].Title, b.Pages[0].URL = title, "https://forum.example/one?a=b"
		b.Pages[1].URL = "/t/2"
		b.Pages[2].Title, b.Pages[2].URL = "Bad", "java\tscript:alert(1)"
		return b
	}
	boards.publishBoard(t, named(aBoard()))
	boards.publishBoard(t, named(windowBoard("last-24h", 5)))
	pages.pages["/t/1"] = samples.Totals(heat.Behaviour{Clicks: 10})
	links := func(rows string) string {
		return `[...document.querySelectorAll('` + rows + ` a')].map((a) => a.getAttribute('href') || '-').join(' ')`
	}
	tab := browser.Open(t)
	show := func(path, rows, want string) {
		server := httptest.NewServer(handler(t, cfg))
		defer func() { tab.Go("about:blank"); server.CloseClientConnections(); server.Close() }()
		tab.Go(server.URL + path)
		tab.Watch()
		tab.Until(links(rows) + ` === '` + want + `'`)
		tab.Until(fmt.Sprintf(`document.querySelector('%s .page').innerText.startsWith(%s)`, rows, strconv.QuoteToASCII(title)))
		tab.Until(`document.querySelectorAll('b').length === 0`)
		if rows == "#rows" && path == "/" {
			tab.Until(`document.querySelector('#rows a').getAttribute('aria-label').startsWith('Open <b>Two') && document.title.startsWith('<b>Two')`)
			tab.Do(`document.querySelector('#rows .name').click()`)
			tab.Until(`!document.getElementById('found').hidden`)
		}
		require.Empty(t, tab.Wrong())
	}
	show("/", "#rows", "https://forum.example/one?a=b - -")
	show("/compare?left=all-time&right=last-24h", "#rows", "https://forum.example/one?a=b - -")
	var err error
	cfg.Serve.PageLink, err = NewPageLink("https://site.example{page}")
	require.NoError(t, err)
	const made = "https://site.example/t/1 https://site.example/t/2 https://site.example/t/3"
	show("/", "#rows", made)
	show("/compare?left=all-time&right=last-24h", "#rows", made)
}

// pictures keeps pictures in the sizes and colours that people have.
func pictures(tab *browser.Tab, name string) {
	for _, scheme := range []string{"light", "dark"} {
		tab.Scheme(scheme)
		for size, width := range map[string]int64{"phone": 390, "tablet": 820, "desktop": 1440} {
			tab.Size(width, 900)
			tab.Keep(fmt.Sprintf("%s-%s-%s", name, size, scheme))
		}
	}
	tab.Size(1280, 900)
}
