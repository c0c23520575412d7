package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/browser"
)

// runningDemo runs a demo until the test ends, and returns its address.
func runningDemo(t *testing.T, args ...string) string {
	t.Helper()
	log, written := io.Pipe()
	addresses := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(log); lines.Scan(); {
			var entry struct{ Msg, Address string }
			if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Msg == "serves HTTP" {
				addresses <- entry.Address
			}
		}
	}()
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, append([]string{"demo", "--listen", "127.0.0.1:0", "--log-format", "json"}, args...), strings.NewReader(""), io.Discard, written)
		_ = written.Close()
	}()
	t.Cleanup(func() {
		end()
		assert.Equal(t, exitDone, <-ended)
	})
	select {
	case address := <-addresses:
		return "http://" + address
	case <-time.After(time.Minute):
		require.FailNow(t, "the demo has no address")
		return ""
	}
}

// TestDemoInABrowser: who runs the demo sees four boards of threads by their titles, which lead to the forum,
// whatever the size of the window. It takes the pictures of the documents: with PAGEHEAT_TEST_PICTURES, it
// waits until there is something to see.
func TestDemoInABrowser(t *testing.T) {
	tab := browser.Open(t)
	address := runningDemo(t, "--seed", "7")
	tab.Go(address + "/")
	tab.Watch()
	const tabs = `[...document.querySelectorAll('#names a')].map((a) => a.textContent).join(' ')`
	tab.Until(tabs + ` === 'all-time last-hour today trending'`)
	tab.Until(`document.querySelectorAll('#rows tr').length === 10`)
	tab.Until(`[...document.querySelectorAll('#rows .name')].every((n) => !n.textContent.startsWith('/'))`)
	tab.Until(`[...document.querySelectorAll('#rows .open')].every((a) => a.href.startsWith('` + address + `/forum/'))`)
	if browser.Pictures() {
		for end := time.Now().Add(80 * time.Second); time.Now().Before(end); time.Sleep(time.Second) {
			tab.Look()
		}
	}
	look := func(name string) {
		tab.Until(`document.documentElement.scrollWidth <= innerWidth`)
		for size, width := range map[string]int64{"phone": 390, "tablet": 820, "laptop": 1100, "desktop": 1440} {
			tab.Size(width, 1000)
			tab.Until(`document.documentElement.scrollWidth <= innerWidth`)
			tab.Keep("demo-" + name + "-" + size)
		}
		tab.Size(1280, 1180)
	}
	// On a small laptop the names of pages have room.
	tab.Size(1100, 900)
	tab.Until(`document.querySelector('#rows .page').clientWidth > 300`)
	tab.Size(1280, 1180)
	tab.Keep("dashboard")
	look("all-time")
	for _, board := range []string{"last-hour", "today", "trending"} {
		tab.Click(`#names a[data-board=` + board + `]`)
		tab.Until(`document.getElementById('board-title').textContent === 'Top 10 pages: ` + board + `'`)
		tab.Until(`document.querySelectorAll('#rows tr').length === 10`)
		look(board)
	}
	require.Empty(t, tab.Wrong())

	tab.Click("#compare")
	tab.Until(`location.pathname === '/compare'`)
	tab.Watch()
	tab.Until(`document.querySelectorAll('#rows tr').length >= 10`)
	tab.Until(`[...document.querySelectorAll('#rows .page a')].every((a) => !a.textContent.startsWith('/') && a.href.startsWith('` + address + `/forum/'))`)
	look("compare")
	require.Empty(t, tab.Wrong())

	tab.Go(address + "/forum/")
	tab.Watch()
	tab.Until(widgetPages + `.length === 10 && ` + widgetPages + `.every((n) => n.tagName === 'A' && !n.textContent.startsWith('/'))`)
	look("forum")
	tab.Do(widgetPages + `[0].click()`)
	tab.Until(`document.querySelector('[data-pageheat-like]') && document.querySelector('pageheat-board').shadowRoot?.querySelectorAll('.page').length === 10`)
	look("thread")
}
