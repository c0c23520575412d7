package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"pageheat/heat"
	"pageheat/integration/browser"
	"pageheat/integration/kafkatest"
	"pageheat/integration/samples"
	"pageheat/views"
)

// soon is the time limit for what must happen. Only a failure takes that long.
const soon = 20 * time.Second

// TestDashboardInABrowser opens the dashboard below a path prefix and uses it like a reader.
func TestDashboardInABrowser(t *testing.T) {
	program := kafkatest.NeedTool(t, "chromium", "chromium-browser", "google-chrome")
	const evil = `"><script>alert(1)</script>`

	boards, pages, cfg := served()
	cfg.Prefix = "/heat"
	pages.pages["deep/page"] = samples.Totals(heat.Behaviour{Clicks: 10, Minutes: 2_500_000_000, Like: -1})
	server := httptest.NewServer(handler(t, cfg))
	defer server.Close()
	publish := func(version, counted uint64, names ...string) {
		b := views.Board{Key: views.DefaultBoard, Version: version}
		switch len(names) {
		case 2:
			b.Value = samples.Board(t, version, counted, samples.BoardPage(names[0], "9.5"), samples.BoardPage(names[1], "4.6"))
		default:
			b.Value = samples.Board(t, version, counted, samples.BoardPage(names[0], "9.5"))
		}
		boards.publish(b)
	}
	publish(1, 1234, "first", "second")

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ctx, cancel = chromedp.NewExecAllocator(ctx, append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
	)...)
	defer cancel()
	ctx, cancel = chromedp.NewContext(ctx)
	defer cancel()

	names := `[...document.querySelectorAll('#rows .name')].map((n) => n.textContent).join(' ')`
	until := func(condition string) {
		t.Helper()
		_, err := chromedp.Run(ctx, chromedp.Poll[bool](condition, chromedp.WithPollingTimeout(soon)))
		require.NoError(t, err, condition)
	}
	require.NoError(t, chromedp.Do(ctx, chromedp.Navigate(server.URL+"/heat")))
	until(names + ` === 'first second'`)
	until(`document.getElementById('status-text').textContent.startsWith('Live')`)
	until(`document.getElementById('counted').textContent === '1,234'`)
	// Errors of the page and what the browser refuses are collected in one list.
	_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`
		window.errors = [];
		addEventListener('error', (e) => errors.push(String(e.message)));
		addEventListener('securitypolicyviolation', (e) => errors.push(e.violatedDirective));
		window.alert = () => errors.push('alert');
		window.notReloaded = true`))
	require.NoError(t, err)

	// Rows change places without a reload, and a name is always shown as text.
	publish(2, 1300, "second", "first")
	until(names + ` === 'second first'`)
	publish(3, 1400, evil, "second")
	until(names + ` === '"><script>alert(1)<\/script> second'`)
	until(`document.querySelectorAll('#rows script').length === 0 && document.querySelectorAll('#rows tr').length === 2`)
	until(`document.title.startsWith('"><script>')`)

	// Invisible characters do not change how a name reads.
	publish(4, 1450, "/a\u202Efdp.exe\u200B", "second")
	until(names + ` === '/a⟨U+202E⟩fdp.exe⟨U+200B⟩ second'`)

	// An older version changes nothing. The next one shows that it arrived.
	publish(2, 1300, "second", "first")
	publish(5, 1500, "fourth")
	until(names + ` === 'fourth'`)

	// Any page can be looked up by keyboard, and an unknown one is reported.
	ask := func(page string) {
		require.NoError(t, chromedp.Do(ctx, chromedp.KeyEvent("/")))
		until(`document.activeElement.id === 'query'`)
		// DevTools types the slash although the page prevents it.
		_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`document.getElementById('query').value = ''; true`))
		require.NoError(t, err)
		require.NoError(t, chromedp.Do(ctx, chromedp.KeyEvent(page+"\r")))
	}
	ask("deep/page")
	until(`document.getElementById('found-heat').textContent === '9'`)
	require.NoError(t, chromedp.Do(ctx, chromedp.Focus(chromedp.CSS("#board"))))
	ask("<b>none")
	until(`document.getElementById('lookup-note').textContent.includes('"<b>none"') && document.getElementById('found').hidden`)

	still, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`window.notReloaded === true`))
	require.NoError(t, err)
	require.True(t, still, "the page was not reloaded")
	seen, err := chromedp.Run(ctx, chromedp.Evaluate[[]string](`window.errors`))
	require.NoError(t, err)
	require.Empty(t, seen)

	// It shows when the connection is lost.
	server.CloseClientConnections()
	require.NoError(t, server.Listener.Close())
	until(`document.getElementById('status-text').textContent === 'No connection' && !document.getElementById('banner').hidden`)
}

// TestDashboardTellsOfTheCluster: it shows a broker that is down and a transaction that stays open,
// until both are over.
func TestDashboardTellsOfTheCluster(t *testing.T) {
	tab := browser.Open(t)
	var mu sync.Mutex
	state := map[string]any{}
	set := func(up bool, leaderless int, waitsAt, total any) {
		mu.Lock()
		defer mu.Unlock()
		state = map[string]any{
			"unknown": []string{}, "brokers": []any{map[string]any{"id": 1, "address": "a:9092", "up": true}, map[string]any{"id": 2, "address": "b:9092", "up": up}},
			"replicas": map[string]any{"under_replicated": leaderless * 2, "leaderless": leaderless}, "edges": []any{},
			"flow": []any{map[string]any{"name": "in.put", "kind": "stream", "does": "", "from": []string{}, "records": 7, "lag": nil, "unknown": "no board\u202E",
				"partitions": []any{map[string]any{"topic": "in.put", "partition": 3, "end": 7, "committed": nil, "lag": nil, "waits_at": waitsAt}}}},
			"dead_letters": map[string]any{"total": total, "unknown": "it is away", "reasons": map[string]int{}, "samples": []any{}},
		}
	}
	silent := false
	_, _, cfg := served()
	cfg.Routes = []Route{{Path: "/api/v1/overview", Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if silent {
			Refuse(w, http.StatusServiceUnavailable, "Kafka does not answer.")
			return
		}
		state["at"] = time.Now()
		WriteJSON(w, http.StatusOK, state)
	})}}
	server := httptest.NewServer(handler(t, cfg))
	defer server.Close()
	defer server.CloseClientConnections() // the tab has a stream open, which Close would wait for

	const banner = `document.getElementById('cluster')`
	set(true, 0, nil, nil)
	tab.Go(server.URL)
	tab.Watch()
	tab.Until(`document.querySelectorAll('#brokers .partition').length === 2 && ` + banner + `.hidden`)
	tab.Until(`document.querySelector('#flow-rows .number:nth-child(4)').textContent === '?'`)
	tab.Until(`document.querySelector('#flow-rows .why').textContent === 'not known: no board⟨U+202E⟩'`)
	tab.Until(`document.getElementById('refused-note').textContent.includes('is not known: it is away')`)
	set(false, 1, 5, 0)
	tab.Until(banner + `.textContent.includes('Broker 2 (b:9092) is down') && ` + banner + `.textContent.includes('1 partition has no leader') && ` + banner + `.textContent.includes('2 partitions have fewer replicas')`)
	tab.Until(banner + `.textContent.includes('Partition 3 of in.put waits behind an open transaction at offset 5')`)
	tab.Until(`!` + banner + `.hidden && !` + banner + `.classList.contains('good')`)
	mu.Lock()
	silent = true
	mu.Unlock()
	tab.Until(banner + `.textContent.startsWith('Kafka has not answered since')`)
	set(true, 0, nil, 0)
	mu.Lock()
	silent = false
	mu.Unlock()
	tab.Until(banner + `.textContent.includes('Broker 2 (b:9092) is up again') && ` + banner + `.textContent.includes('Kafka answers again') && ` + banner + `.classList.contains('good')`)
	require.Empty(t, tab.Wrong())
}
