package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/demo"
	"pageheat/demo/forum"
	"pageheat/heat"
	"pageheat/integration/browser"
	"pageheat/processors"
	"pageheat/topics"
)

// runForum runs all roles and the forum, as the demo does, but without a simulator: what
// is in the topic is what the test has done.
func runForum(t *testing.T) (p *program, address string) {
	t.Helper()
	flags := defaultCommon()
	flags.Kafka.Brokers, flags.Log.Level = strings.Split(broker(t), ","), "error"
	p, err := flags.program(strings.NewReader(""), io.Discard, t.Output())
	require.NoError(t, err)
	partitions, err := createTopics(t.Context(), p, topics.Layout{Replication: 1}, func(string) {})
	require.NoError(t, err)
	command := demoCmd{Demo: demo.DefaultSettings(), Pipeline: processors.DefaultSettings()}
	command.Demo.Listen, command.Pipeline.CommitEvery = new("127.0.0.1:0"), time.Second
	cfg, err := command.config(p)
	require.NoError(t, err)
	cfg.partitions = partitions
	addresses := make(chan string, 1)
	cfg.listening = func(a string) { addresses <- a }
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- runPipeline(ctx, cfg) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	return p, "http://" + <-addresses
}

// visits reads behaviours from the input.
type visits struct {
	t      *testing.T
	client *kgo.Client
}

func readVisits(t *testing.T, p *program) *visits {
	t.Helper()
	client, err := p.kafka.Client("test", kgo.ConsumeTopics(p.topo.Input), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return &visits{t, client}
}

// next waits for the next behaviour, and returns it without its minutes, and these
// in seconds.
func (v *visits) next() (line string, seconds float64) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), 30*time.Second)
	defer cancel()
	var records []*kgo.Record
	for len(records) == 0 {
		fetches := v.client.PollRecords(ctx, 1)
		require.NoError(v.t, fetches.Err())
		records = fetches.Records()
	}
	var label codec.Label
	b, refusal := codec.ParseLabelled(records[0].Value, heat.DefaultLimits(), &label)
	require.Nil(v.t, refusal)
	if b.Clicks > 0 && b.Minutes > heat.WholeMinutes(1)/60 {
		assert.NotEmpty(v.t, label.Title, "a view of more than a second has a title")
	}
	return fmt.Sprintf("%s|%d|%d", b.Page, b.Clicks, b.Like), 60 * float64(b.Minutes) / float64(heat.WholeMinutes(1))
}

// none makes sure that nothing more has come for a while.
func (v *visits) none() {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), time.Second)
	defer cancel()
	for ctx.Err() == nil {
		require.Empty(v.t, v.client.PollRecords(ctx, 1).Records())
	}
}

// The names of pages that the widget or the dashboard shows.
const (
	widgetPages    = `[...document.querySelector('pageheat-board').shadowRoot.querySelectorAll('.page')]`
	dashboardPages = `[...document.querySelectorAll('#rows .name')]`
)

func shows(pages, name string) string {
	return fmt.Sprintf("%s.some((n) => n.textContent === %s)", pages, strconv.QuoteToASCII(name))
}

// TestVisitOfTheForum is a visit, as a person pays it: what is in the topic is what
// they have done, and the widget and the dashboard show it without being loaded
// again.
func TestVisitOfTheForum(t *testing.T) {
	tab := browser.Open(t)
	p, address := runForum(t)
	topic := readVisits(t, p)
	answered(t, address+"/readyz")
	tab.Go("about:blank")
	dashboard := tab.Another()
	dashboard.Go(address + "/")
	dashboard.Watch()
	tab.Look()

	// The front page, and a click on a thread.
	tab.Go(address + "/forum/")
	tab.Watch()
	require.Empty(t, tab.Wrong())
	before := time.Now()
	thread := forum.Threads()[2]
	tab.Click(`.threads a[href="` + thread.Path + `"]`)
	tab.Until(`location.pathname === '` + thread.Path + `' && document.readyState === 'complete'`)
	began := time.Now()
	tab.Watch()
	line, _ := topic.next()
	assert.Equal(t, "/forum/|1|0", line)

	// 3 s in front, and 3 s behind another tab.
	time.Sleep(3*time.Second - time.Since(began))
	leaving := time.Now()
	dashboard.Look()
	line, seconds := topic.next()
	left := time.Now()
	assert.Equal(t, thread.Path+"|1|0", line)
	assert.GreaterOrEqual(t, seconds, leaving.Sub(began).Seconds()-0.3)
	assert.LessOrEqual(t, seconds, left.Sub(before).Seconds()+0.3)
	t.Logf("visible for %.3f s to %.3f s, told: %.3f s", leaving.Sub(began).Seconds(), left.Sub(before).Seconds(), seconds)
	dashboard.Until(shows(dashboardPages, thread.Title))
	time.Sleep(3*time.Second - time.Since(left))

	// A like is told at once, and seen.
	back := time.Now()
	tab.Look()
	tab.Click(`[data-pageheat-like="1"]`)
	line, shown := topic.next()
	assert.Equal(t, thread.Path+"|0|1", line)
	tab.Until(widgetPages + `.some((n) => n.title === '` + thread.Path + `' && n.href === '` + address + thread.Path + `')`)
	tab.Until(`document.querySelector('pageheat-board').shadowRoot.querySelector('.heat').title.includes('1 clicks') &&
		document.querySelector('pageheat-board').shadowRoot.querySelector('.heat').title.includes('1 likes')`)
	require.Empty(t, tab.Wrong())
	tab.Keep("forum")

	// Leaving tells the rest, and nothing is told twice.
	tab.Go("about:blank")
	line, rest := topic.next()
	assert.Equal(t, thread.Path+"|0|0", line)
	assert.LessOrEqual(t, shown+rest, time.Since(back).Seconds()+0.3, "hidden time does not count")
	topic.none()

	dashboard.Look()
	dashboard.Until(`document.getElementById('counted').textContent === '4'`)
	require.Empty(t, dashboard.Wrong())
	dashboard.Keep("forum-dashboard")
}

// TestHostileNamesAreOnlyShown: whatever strangers call pages, widget and dashboard
// show it as text, and links lead nowhere but into the forum.
func TestHostileNamesAreOnlyShown(t *testing.T) {
	names := []string{
		`"><script>alert(1)</script>`, `javascript:alert(1)`, `<img src=x onerror=alert(1)>`, `//evil.example/x`, `https://evil.example/`,
		"\u202eevil \u05d0\u05d1\u05d2", strings.Repeat("x", 1024), `../../x`, `data:text/html,<script>alert(1)</script>`, `/\evil.example`,
	}
	tab := browser.Open(t)
	_, address := runForum(t)
	var body strings.Builder
	for i, name := range names {
		fmt.Fprintf(&body, "%s|%d|0|0\n", name, 100-i)
	}
	answer, err := http.Post(address+"/api/v1/behaviours", "text/plain", strings.NewReader(body.String()))
	require.NoError(t, err)
	answer.Body.Close()
	require.Equal(t, http.StatusAccepted, answer.StatusCode)

	tab.Go(address + "/forum/")
	tab.Watch()
	tab.Do(`document.querySelector('pageheat-board').setAttribute('link', '/forum/{page}')`)
	for _, name := range names {
		tab.Until(shows(widgetPages, name))
	}
	links := func() (links []string) {
		tab.JSON(widgetPages+`.filter((n) => n.tagName === 'A').map((n) => n.href)`, &links)
		return links
	}
	require.Len(t, links(), len(names))
	for _, link := range links() {
		assert.True(t, strings.HasPrefix(link, address+"/forum/"), link)
	}
	// Without an address of its own, only a path of this site is a link.
	tab.Do(`document.querySelector('pageheat-board').removeAttribute('link')`)
	require.Empty(t, links())
	// Nor does the site's own address lead elsewhere.
	for _, link := range []string{"{page}", "/{page}", "//{page}", "https:{page}", "javascript:{page}", "https://{page}", "{page}{page}"} {
		tab.Do(`document.querySelector('pageheat-board').setAttribute('link', ` + strconv.Quote(link) + `)`)
		for _, href := range links() {
			assert.True(t, strings.HasPrefix(href, address+"/"), "%s: %s", link, href)
		}
	}
	// A name of 1,024 letters is cut off, and changes nothing but the text shown.
	tab.Until(`document.documentElement.scrollWidth <= innerWidth`)
	tab.Until(`document.querySelectorAll('img, iframe, body script').length === 0`)
	tab.Keep("hostile-widget")
	require.Empty(t, tab.Wrong())

	tab.Go(address + "/")
	tab.Watch()
	for _, name := range names {
		// What turns the direction of writing is shown as its number.
		tab.Until(shows(dashboardPages, strings.ReplaceAll(name, "\u202e", "⟨U+202E⟩")))
	}
	tab.Until(`document.documentElement.scrollWidth <= innerWidth`)
	tab.Until(`document.querySelectorAll('#rows script, #rows img').length === 0`)
	tab.Keep("hostile-dashboard")
	require.Empty(t, tab.Wrong())
}
