package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/browser"
	"pageheat/integration/samples"
)

// snippets are what a document tells the owner of a site to do.
type snippets struct {
	command []string // pageheat run, with its flags
	html    string   // what the pages have
	curl    []string // body, type and path of a request, if there is one
}

func readSnippets(t *testing.T, document string) (s snippets) {
	t.Helper()
	content, err := os.ReadFile(document)
	require.NoError(t, err)
	text := string(content)
	command := regexp.MustCompile(`(?m)^pageheat (run .*--allow-origins .*(?:\\\n.*)*)$|^pageheat (run .*\\\n.*--allow-origins .*)$`).FindString(text)
	require.NotEmpty(t, command, "%s has no command for a site", document)
	command = strings.NewReplacer("\\\n", " ", "'", "").Replace(command)
	s.command = strings.Fields(command)[1:]
	for _, block := range regexp.MustCompile("(?s)```html\n(.*?)```").FindAllStringSubmatch(text, -1) {
		s.html += block[1]
	}
	require.Contains(t, s.html, "pageheat.js")
	require.Contains(t, s.html, "<pageheat-board")
	s.curl = regexp.MustCompile(`curl --data-binary '([^']*)' -H 'Content-Type: ([^']*)' https://heat\.example(\S*)`).FindStringSubmatch(text)
	return s
}

// TestSnippetsOfTheDocumentation does what README and docs/collect.md say, to the
// letter but for the names of hosts, on a site of another origin: what a visitor does
// there is on the list there.
func TestSnippetsOfTheDocumentation(t *testing.T) {
	window := browser.Open(t)
	for _, document := range []string{"../../README.md", "../../docs/collect.md"} {
		t.Run(document, func(t *testing.T) {
			s := readSnippets(t, document)
			var page string
			serve := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/html; charset=utf-8")
				_, _ = fmt.Fprintf(w, `<!doctype html><title>x</title><script>window.said = []; console.warn = (what) => said.push(what)</script>%s
					<button data-pageheat-like="1">+</button>`, page)
			})
			site, stranger := httptest.NewServer(serve), httptest.NewServer(serve)
			t.Cleanup(site.Close)
			t.Cleanup(stranger.Close)

			brokers := broker(t)
			var out bytes.Buffer
			require.Equal(t, exitDone, run(t.Context(), []string{"topics", "create", "--replication", "1", "--brokers", brokers}, strings.NewReader(""), &out, &out), out.String())
			public := freeAddress(t)
			args := strings.Fields(strings.NewReplacer("https://forum.example", site.URL, "0.0.0.0:8081", public).Replace(strings.Join(s.command, " ")))
			args = append(args, "--brokers", brokers, "--listen", "127.0.0.1:0", "--log-format", "json")
			ctx, cancel := context.WithCancel(t.Context())
			log, ended := &samples.Output{}, make(chan int, 1)
			go func() { ended <- run(ctx, args, strings.NewReader(""), &bytes.Buffer{}, log) }()
			t.Cleanup(func() {
				cancel()
				assert.Equal(t, exitDone, <-ended)
			})
			serves(t, public, log)
			heat := "http://" + public
			page = strings.ReplaceAll(s.html, "https://heat.example", heat)

			tab := window.For(t)
			tab.Go(site.URL + "/t/42?who=me#part")
			tab.Click(`[data-pageheat-like="1"]`)
			tab.Until(`document.querySelector('pageheat-board').shadowRoot.querySelectorAll('a').length === 1`)
			tab.Until(widgetPages + `[0].href === '` + site.URL + `/t/42'`)
			assert.Empty(t, tab.Text(`said.join('\n')`))

			// A site that the command does not name is told so.
			tab.Go(stranger.URL + "/t/42")
			tab.Click(`[data-pageheat-like="1"]`)
			tab.Until(`said.length > 0`)
			tab.Until(`said.every((what) => what.includes('--allow-origins') && what.includes('` + stranger.URL + `'))`)

			if s.curl != nil {
				answer, err := http.Post(heat+s.curl[3], s.curl[2], strings.NewReader(s.curl[1]))
				require.NoError(t, err)
				answer.Body.Close()
				assert.Equal(t, http.StatusAccepted, answer.StatusCode)
			}
			tab.Go("about:blank")
		})
	}
}
