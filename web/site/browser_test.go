package site_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/browser"
	"pageheat/web"
)

// inbox is a collector that keeps the posted lines.
type inbox struct {
	mu      sync.Mutex
	titles  []string // of the views
	lines   []string
	queries []string
	origins []string
	sizes   []int // of the bodies, in bytes
	refuse  []int // statuses of the next responses; 202 afterwards
	came    chan struct{}
}

func (b *inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	defer func() { b.came <- struct{}{} }()
	defer b.mu.Unlock()
	b.sizes = append(b.sizes, len(body))
	b.origins = append(b.origins, r.Header.Get("Origin"))
	if len(b.refuse) > 0 {
		w.WriteHeader(b.refuse[0])
		b.refuse = b.refuse[1:]
		return
	}
	b.lines = append(b.lines, strings.Split(string(body), "\n")...)
	b.queries = append(b.queries, r.URL.RawQuery)
	w.WriteHeader(http.StatusAccepted)
}

// next waits until a given number of lines that are wanted have come since the last call, and
// returns them without their minutes, and the sum of these in seconds. The others
// are forgotten.
func (b *inbox) next(t *testing.T, n int, wanted func(line string) bool) (lines []string, seconds float64) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		b.mu.Lock()
		got := b.lines
		b.lines = nil
		b.mu.Unlock()
		for _, line := range got {
			fields := strings.Split(line, "|")
			if strings.HasPrefix(line, "{") {
				fields = b.labelled(t, line)
			}
			require.Len(t, fields, 4, line)
			minutes, err := strconv.ParseFloat(fields[2], 64)
			require.NoError(t, err)
			if line = fields[0] + "|" + fields[1] + "|" + fields[3]; wanted(line) {
				seconds += 60 * minutes
				lines = append(lines, line)
			}
		}
		if len(lines) >= n {
			return lines, seconds
		}
		select {
		case <-b.came:
		case <-timeout:
			t.Fatalf("%d lines have come instead of %d: %q", len(lines), n, lines)
		}
	}
}

// labelled takes the title of a view, and returns its fields.
func (b *inbox) labelled(t *testing.T, line string) []string {
	t.Helper()
	var v struct {
		Page, Title           string
		Clicks, Minutes, Like json.Number
	}
	require.NoError(t, json.Unmarshal([]byte(line), &v), line)
	require.NotEmpty(t, v.Title)
	b.mu.Lock()
	b.titles = append(b.titles, v.Title)
	b.mu.Unlock()
	return []string{v.Page, v.Clicks.String(), v.Minutes.String(), v.Like.String()}
}

// moreThanTime excludes lines that only report time: their number depends on the browser's speed.
func moreThanTime(line string) bool { return !strings.HasSuffix(line, "|0|0") }

// sample serves pages with the script. Some paths set attributes of the script, or run code before
// it.
func sample(t *testing.T) (address string, in *inbox) {
	t.Helper()
	in = &inbox{came: make(chan struct{}, 1000)}
	const dnt, gpc = `Object.defineProperty(navigator,'doNotTrack',{value:'1'})`, `Object.defineProperty(navigator,'globalPrivacyControl',{value:true})`
	settings := map[string]struct{ before, attributes string }{
		"/set":         {"", `data-page="named" data-key="k&amp;y" data-minutes="0.01" data-storage="off"`},
		"/private/dnt": {dnt, ""}, "/private/gpc": {gpc, ""},
		"/ignored/dnt": {dnt, `data-privacy="ignore"`}, "/ignored/gpc": {gpc, `data-privacy="ignore"`},
	}
	routes := append(web.Scripts(), web.Route{Path: "/api/v1/behaviours", Methods: []string{"POST"}, Handler: in},
		web.Route{Path: "/", Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprintf(w, `<!doctype html><title>x</title><script>%s</script>
				<button data-pageheat-like="1">+</button><button data-pageheat-like="-1">-</button><button data-pageheat-like="0">0</button>
				<script src="/pageheat.js" %s></script>`, settings[r.URL.Path].before, settings[r.URL.Path].attributes)
		})})
	mux := http.NewServeMux()
	for _, route := range routes {
		mux.Handle(route.Path, route.Handler)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL, in
}

const blank = "about:blank"

func TestScriptInABrowser(t *testing.T) {
	address, in := sample(t)
	tab := browser.Open(t)
	lines := func(n int) []string {
		t.Helper()
		got, _ := in.next(t, n, moreThanTime)
		return got
	}
	like := func(value string) { tab.Click(`[data-pageheat-like="` + value + `"]`) }

	// A page that is shown and left is one view. Its name is its path.
	tab.Go(address + "/a%7Cb|c/%C3%BC?secret=1#part")
	tab.Go(blank)
	assert.Equal(t, []string{"/a%7Cb%7Cc/ü|1|0"}, lines(1))

	// Likes: each change is sent, once in a visit.
	tab.Go(address + "/likes")
	like("1")
	assert.Equal(t, []string{"/likes|1|1"}, lines(1))
	like("-1")
	assert.Equal(t, []string{"/likes|0|-1", "/likes|0|-1"}, lines(2))
	like("0")
	assert.Equal(t, []string{"/likes|0|1"}, lines(1))
	like("1")
	assert.Equal(t, []string{"/likes|0|1"}, lines(1))
	tab.Go(blank)
	tab.Go(address + "/likes")
	tab.Until(`document.querySelector('[data-pageheat-like="1"]').getAttribute('aria-pressed') === 'true'`)
	like("1")
	tab.Go(blank)
	assert.Equal(t, []string{"/likes|1|0"}, lines(1), "it was liked before")

	// A single-page application.
	tab.Go(address + "/app")
	tab.Do(`history.pushState(null, '', '/app/one')`)
	assert.Equal(t, []string{"/app|1|0"}, lines(1))
	tab.Do(`history.replaceState({}, '', '/app/one?sorted#x')`) // still the same page
	tab.Do(`history.pushState(null, '', '/app/two')`)
	assert.Equal(t, []string{"/app/one|1|0"}, lines(1))
	tab.Do(`history.back()`)
	assert.Equal(t, []string{"/app/two|1|0"}, lines(1))
	tab.Until(`location.pathname === '/app/one'`)
	tab.Go(blank)
	assert.Equal(t, []string{"/app/one|1|0"}, lines(1))

	// A page that returns from the cache is one more view.
	tab.Go(address + "/back")
	tab.Do(`dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true }))`)
	assert.Equal(t, []string{"/back|1|0"}, lines(1))
	tab.Do(`dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))`)
	tab.Go(blank)
	assert.Equal(t, []string{"/back|1|0"}, lines(1))

	// Without a network nothing is sent, and nothing is lost.
	tab.Go(address + "/offline")
	tab.Do(`Object.defineProperty(navigator, 'onLine', { value: false, configurable: true })`)
	like("1")
	tab.Until(`Object.values(sessionStorage).join().includes('/offline|1|')`)
	tab.Go(blank)
	tab.Go(address + "/online")
	assert.Equal(t, []string{"/offline|1|1"}, lines(1))
	tab.Do(`Object.defineProperty(navigator, 'onLine', { value: false, configurable: true })`)
	like("-1")
	tab.Until(`Object.values(sessionStorage).join().includes('/online|1|')`)
	tab.Do(`delete navigator.onLine; dispatchEvent(new Event('online'))`)
	assert.Equal(t, []string{"/online|1|-1"}, lines(1))
	tab.Go(blank)

	// Settings: a name, a key, a maximum of minutes, nothing stored.
	tab.Go(address + "/set")
	tab.Until(`performance.now() > 1500`)
	tab.Go(blank)
	got, seconds := in.next(t, 1, moreThanTime)
	assert.Equal(t, []string{"named|1|0"}, got)
	assert.InDelta(t, 0.6, seconds, 0.0001, "the most that a view may take")
	assert.Equal(t, "key=k%26y", in.queries[len(in.queries)-1])

	// Visitors who ask not to be tracked are not, unless the site overrides it.
	for _, asks := range []string{"dnt", "gpc"} {
		tab.Go(address + "/private/" + asks)
		tab.Go(address + "/ignored/" + asks)
		tab.Go(blank)
		assert.Equal(t, []string{"/ignored/" + asks + "|1|0"}, lines(1))
	}
}

// TestBackFromTheBrowsersCache leaves a page and returns, as a person does: the browser keeps the
// page as it was, and its script counts one more view.
func TestBackFromTheBrowsersCache(t *testing.T) {
	address, in := sample(t)
	tab := browser.Open(t)
	tab.Go(address + "/kept")
	tab.Do(`window.kept = 0; addEventListener('pageshow', (event) => { if (event.persisted) kept++; })`)
	tab.Go(address + "/away")
	lines, _ := in.next(t, 1, moreThanTime)
	assert.Equal(t, []string{"/kept|1|0"}, lines)
	tab.Do(`history.back()`)
	tab.Until(`location.pathname === '/kept' && document.readyState === 'complete'`)
	lines, _ = in.next(t, 1, moreThanTime)
	assert.Equal(t, []string{"/away|1|0"}, lines)
	tab.Until(`window.kept === 1`)
	tab.Go(blank)
	lines, _ = in.next(t, 1, moreThanTime)
	assert.Equal(t, []string{"/kept|1|0"}, lines)
}

// TestVisibleTimeInABrowser: 3 s visible and 3 s hidden are 3 s.
func TestVisibleTimeInABrowser(t *testing.T) {
	address, in := sample(t)
	tab := browser.Open(t)
	tab.Go(blank)
	other := tab.Another()
	other.Go(blank)
	tab.Look()
	before := time.Now()
	tab.Go(address + "/timed")
	began := time.Now()
	time.Sleep(3 * time.Second)
	leaving := time.Now()
	other.Look()
	tab.Until(`document.visibilityState === 'hidden'`)
	left := time.Now()
	all := func(string) bool { return true }
	lines, seconds := in.next(t, 1, all)
	require.Equal(t, []string{"/timed|1|0"}, lines)
	assert.GreaterOrEqual(t, seconds, leaving.Sub(began).Seconds()-0.3)
	assert.LessOrEqual(t, seconds, left.Sub(before).Seconds()+0.3)
	time.Sleep(3 * time.Second)
	tab.Look()
	tab.Until(`document.visibilityState === 'visible'`)
	tab.Go(blank)
	lines, seconds = in.next(t, 1, all)
	require.Equal(t, []string{"/timed|0|0"}, lines)
	assert.Less(t, seconds, 2.5, "hidden time does not count")
}
