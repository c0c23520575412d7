package integration

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
)

// TestHTTP queries one of two instances over HTTP while boards arrive.
func TestHTTP(t *testing.T) {
	const boardPath = "/api/v1/boards/all-time"
	everywhere(t, func(t *testing.T, site *harness.Site) {
		p := newPipeline(t, site, 3)
		site.Start("pipeline", "--roles", "ingest,heat,rank")
		in := site.Start("views", "--roles", "serve")
		ctx := within(t)
		require.NoError(t, in.WaitReady(ctx))
		get := func(path string, headers ...string) harness.Answer {
			a, err := in.Get(ctx, path, headers...)
			require.NoError(t, err)
			return a
		}
		assert.Equal(t, http.StatusNotFound, get("/api/v1/page?page=%2Fa").Status)
		assert.Equal(t, http.StatusOK, get("/healthz").Status)

		address, err := in.Address(ctx)
		require.NoError(t, err)
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+boardPath+"/events", nil)
		require.NoError(t, err)
		stream, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer func() { _ = stream.Body.Close() }() // it never ends
		require.Equal(t, "text/event-stream", stream.Header.Get("Content-Type"))
		events := bufio.NewScanner(stream.Body)
		events.Buffer(nil, 1<<20)
		// next reads the stream up to the given version or a newer one.
		next := func(version uint64) (data string) {
			for id := uint64(0); events.Scan(); {
				name, value, _ := strings.Cut(events.Text(), ": ")
				switch name {
				case "id":
					id, err = strconv.ParseUint(value, 10, 64)
					require.NoError(t, err)
				case "data":
					if id >= version {
						return value
					}
				}
			}
			require.NoError(t, events.Err())
			require.Fail(t, "the stream has ended")
			return ""
		}

		want := harness.NewRecount()
		tag := ""
		for _, text := range []string{"/a|5|0.25|1\n/ä b|4|0|-1\n", "/a|1|1|1\n", "/c?x=1&y|1000000|1440|1\n"} {
			require.NoError(t, want.AddLines([]byte(text), 1))
			board := p.exact(t, in, sent(t, site, records(site, []byte(text), nil, func(i int) int32 { return int32(i) })), want)
			assert.Equal(t, string(board.Value), next(board.Version), "the stream follows")

			a := get(boardPath)
			require.Equal(t, http.StatusOK, a.Status)
			assert.Equal(t, string(board.Value), string(a.Body), "the same object as in the topic")
			assert.NotEqual(t, tag, a.Header.Get("ETag"))
			tag = a.Header.Get("ETag")
			require.NotEmpty(t, tag)
			assert.Equal(t, http.StatusNotModified, get(boardPath, "If-None-Match", tag).Status)
		}
		var answer map[string]any
		a := get("/api/v1/page?page=%2F%C3%A4+b")
		require.NoError(t, json.Unmarshal(a.Body, &answer))
		assert.Equal(t, map[string]any{"page": "/ä b", "heat": 2.2, "clicks": 4., "minutes": 0., "likes": -1., "behaviours": 1.}, answer)
		missing := get("/api/v1/page?page=nowhere")
		assert.Equal(t, http.StatusNotFound, missing.Status)
		assert.Equal(t, "application/problem+json", missing.Header.Get("Content-Type"))
		assert.Contains(t, string(get("/").Body), "<html")
		assert.Contains(t, string(get("/metrics").Body), "pageheat_")
	})
}
