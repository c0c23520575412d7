package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
)

func TestStreamsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		boards, _, cfg := served()
		cfg.Serve.MaxStreams = 2
		h := handler(t, cfg)
		boards.publish(boardOf(1, 0))
		connect(t, h)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/api/v1/boards/all-time/events", nil).WithContext(ctx))
		}()
		synctest.Wait()

		requireProblem(t, ask(h, "GET", "/api/v1/boards/all-time/events"), http.StatusServiceUnavailable, "poll")
		require.Equal(t, http.StatusOK, ask(h, "GET", "/api/v1/boards/all-time").Code, "the board can be asked for")

		cancel()
		<-done
		require.Equal(t, []uint64{1}, connect(t, h).seen(), "a stream that has ended makes room")
	})
}

// One client cannot take the places of others. All clients together cannot take those of operators
// with their own address.
func TestPlacesForStreams(t *testing.T) {
	proxies, err := NewProxies([]string{"10.0.0.0/8"})
	require.NoError(t, err)
	synctest.Test(t, func(t *testing.T) {
		boards, _, cfg := served()
		registry := prometheus.NewRegistry()
		cfg.Serve.MaxStreams, cfg.Serve.MaxStreamsPerClient, cfg.Proxies, cfg.Registerer = 5, 2, proxies, registry
		s, err := newService(cfg)
		require.NoError(t, err)
		everybody := handlerOf(cfg, public(s.routes()), false)
		private := handlerOf(cfg, s.routes(), true)
		boards.publish(boardOf(1, 0))
		ctx, cancel := context.WithCancel(t.Context())
		var open sync.WaitGroup
		follow := func(h http.Handler, from, forwarded string) *httptest.ResponseRecorder {
			r := httptest.NewRequest(http.MethodGet, "/api/v1/boards/all-time/events", nil).WithContext(ctx)
			r.RemoteAddr = from
			r.Header.Set("X-Forwarded-For", forwarded)
			w := httptest.NewRecorder()
			open.Go(func() { h.ServeHTTP(w, r) })
			synctest.Wait()
			return w
		}
		for _, from := range []string{"192.0.2.1:1", "192.0.2.1:2", "[2001:db8::1]:1", "[2001:db8::2]:1"} {
			require.Equal(t, http.StatusOK, follow(everybody, from, "").Code)
		}
		for _, from := range []string{"192.0.2.1:3", "[2001:db8::3]:1"} {
			w := follow(everybody, from, "198.51.100.1")
			requireProblem(t, w, http.StatusTooManyRequests, "2 event streams already")
			require.Equal(t, "2", w.Header().Get("Retry-After"))
		}
		require.Equal(t, http.StatusOK, follow(everybody, "10.0.0.1:1", "198.51.100.1").Code)
		requireProblem(t, follow(everybody, "10.0.0.1:1", "198.51.100.2"), http.StatusServiceUnavailable, "All event streams are in use")
		for range operatorStreams {
			require.Equal(t, http.StatusOK, follow(private, "127.0.0.1:1", "").Code)
		}
		requireProblem(t, follow(private, "127.0.0.1:1", ""), http.StatusServiceUnavailable, "All event streams are in use")
		require.NoError(t, testutil.GatherAndCompare(registry, strings.NewReader(`
# HELP pageheat_event_streams Open event streams.
# TYPE pageheat_event_streams gauge
pageheat_event_streams 105
# HELP pageheat_event_streams_refused_total Event streams refused because one client (per-client) or all clients together (all) had too many.
# TYPE pageheat_event_streams_refused_total counter
pageheat_event_streams_refused_total{reason="all"} 2
pageheat_event_streams_refused_total{reason="per-client"} 2
`), "pageheat_event_streams", "pageheat_event_streams_refused_total"))
		cancel()
		open.Wait()
		require.InDelta(t, 0, testutil.ToFloat64(s.streams.metrics.open), 0)
	})
}
