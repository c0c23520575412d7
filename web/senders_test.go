package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSendersAreForgotten(t *testing.T) {
	known, err := newSenders(1, 1)
	require.NoError(t, err)
	for i := range maxSenders + 1000 {
		who := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		first := known.of(who)
		require.Same(t, first, known.of(who))
	}
	assert.Equal(t, maxSenders, known.known.Len())
}

func TestClientsHaveARateEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := &memory{}
		cfg := config(kept)
		cfg.Rate, cfg.Burst = 2, 10
		_, h := collector(t, cfg)
		const six = "/a|1|0|0\n/a|1|0|0\n/a|1|0|0\n/a|1|0|0\n/a|1|0|0\n/a|1|0|0"
		post := func(from, body string) *httptest.ResponseRecorder {
			return send(h, request{body: body, from: from})
		}
		require.Equal(t, http.StatusAccepted, post("192.0.2.1:1", six).Code)
		w := post("192.0.2.1:2", six)
		requireRefused(t, w, http.StatusTooManyRequests, "2 behaviours a second")
		require.Equal(t, "2", w.Header().Get("Retry-After")) // 3 are left, 6 needed
		require.Len(t, kept.taken(), 6, "nothing of the second was kept")
		require.Equal(t, http.StatusAccepted, post("192.0.2.2:1", six).Code, "another one is free")
		time.Sleep(1500 * time.Millisecond) // which is 2 s in whole ones
		require.Equal(t, http.StatusAccepted, post("192.0.2.1:1", six).Code, "when it was told")

		// An IPv6 network counts as one client.
		require.Equal(t, http.StatusAccepted, post("[2001:db8::1]:1", six).Code)
		requireRefused(t, post("[2001:db8::2]:1", six), http.StatusTooManyRequests, "")
		require.Equal(t, http.StatusAccepted, post("[2001:db8:0:1::2]:1", six).Code)

		// No request may have more than a burst.
		kept.taken()
		time.Sleep(time.Minute)
		for _, body := range []string{strings.Repeat("/a|1|0|0\n", 11), strings.Repeat("x\n", 11), "[" + strings.Repeat("1,", 20_000) + "1]"} {
			requireRefused(t, post("192.0.2.1:1", body), http.StatusRequestEntityTooLarge, "10 behaviours, the maximum of one request (--collect-burst)")
		}
		require.Empty(t, kept.taken(), "nothing of them was kept")
		time.Sleep(5 * time.Second)
		require.Equal(t, http.StatusAccepted, post("192.0.2.1:1", strings.Repeat("/a|1|0|0\n", 10)).Code)
		requireRefused(t, post("192.0.2.1:1", "/a|1|0|0"), http.StatusTooManyRequests, "")
		// Refused messages count too.
		time.Sleep(5 * time.Second)
		requireRefused(t, post("192.0.2.1:1", strings.Repeat("x\n", 10)), http.StatusBadRequest, "")
		requireRefused(t, post("192.0.2.1:1", "/a|1|0|0"), http.StatusTooManyRequests, "")
	})
}

// A client gets what its rate allows and no more, however it splits it into requests.
func TestWhatOneClientGetsIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := &memory{}
		cfg := config(kept)
		cfg.Rate, cfg.Burst, cfg.MaxBytes = 20, 200, 256<<10
		_, h := collector(t, cfg)
		for i := range 31 * 2 {
			lines := []int{21_000, 200, 150, 37, 1}[i%5]
			send(h, request{body: strings.Repeat("/a|1|0|0\n", lines), from: "192.0.2.1:1"})
			time.Sleep(time.Second / 2)
		}
		got := len(kept.taken())
		require.LessOrEqual(t, got, 200+31*20)
		require.Greater(t, got, 31*20/2, "and it gets something")
	})
}

func TestAllClientsHaveARateTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := &memory{}
		cfg := config(kept)
		cfg.Rate, cfg.Burst, cfg.TotalRate = 20, 10, 50
		_, h := collector(t, cfg)
		for i := range 100 {
			w := send(h, request{body: strings.Repeat("/a|1|0|0\n", 10), from: fmt.Sprintf("192.0.2.%d:1", i)})
			if i < 5 {
				require.Equal(t, http.StatusAccepted, w.Code)
				continue
			}
			requireRefused(t, w, http.StatusServiceUnavailable, "All clients together send more than 50")
			require.Equal(t, "1", w.Header().Get("Retry-After"))
		}
		time.Sleep(time.Second)
		require.Equal(t, http.StatusAccepted, send(h, request{body: "/a|1|0|0", from: "192.0.2.200:1"}).Code)
		require.Len(t, kept.taken(), 51)
	})
}

// Bodies that do not arrive do not block others.
func TestBodiesThatDoNotCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := &memory{}
		c, h := collector(t, config(kept))
		var ends []*io.PipeWriter
		var all sync.WaitGroup
		for client := range 20 {
			for range maxOpen {
				in, out := io.Pipe()
				ends = append(ends, out)
				all.Go(func() {
					r := httptest.NewRequest(http.MethodPost, behavioursPath, in)
					r.RemoteAddr = fmt.Sprintf("10.0.0.%d:1", client)
					h.ServeHTTP(httptest.NewRecorder(), r)
				})
			}
		}
		synctest.Wait()
		require.Equal(t, http.StatusAccepted, send(h, request{body: "/a|1|0|0", from: "192.0.2.2:1"}).Code)
		// Neither do bodies that arrive in part.
		all.Go(func() {
			for _, out := range ends {
				_, _ = io.WriteString(out, strings.Repeat("x", 60<<10))
			}
		})
		synctest.Wait()
		require.LessOrEqual(t, c.held.Load(), int64(maxHeld))
		require.Equal(t, http.StatusAccepted, send(h, request{body: "/a|1|0|0", from: "192.0.2.2:1"}).Code)
		for _, out := range ends {
			require.NoError(t, out.CloseWithError(errors.New("gone")))
		}
		all.Wait()
		require.Zero(t, c.held.Load())
	})
}

// The bodies of one client are bounded, and so are those of all clients together.
func TestBytesThatAreHeldAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &memory{block: true}
		cfg := config(slow)
		cfg.MaxBytes = 1 << 20
		c, h := collector(t, cfg)
		large := "/a|1|0|0\n" + strings.Repeat(" ", 1<<20-10)
		var all sync.WaitGroup
		for client := range maxHeld >> 20 / maxBodies {
			for range maxBodies {
				all.Go(func() { send(h, request{body: large, from: fmt.Sprintf("10.0.0.%d:1", client)}) })
			}
		}
		synctest.Wait()
		requireRefused(t, send(h, request{body: large, from: "10.0.0.0:1"}), http.StatusTooManyRequests, "from this address with 4194304 bytes")
		requireRefused(t, send(h, request{body: large, from: "192.0.2.1:1"}), http.StatusServiceUnavailable, "67108864 bytes")
		all.Wait()
		require.Zero(t, c.held.Load())
	})
}

func TestOneClientDoesNotTakeAllPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := &memory{block: true}
		c, h := collector(t, config(slow))
		var all sync.WaitGroup
		for range maxOpen {
			all.Go(func() {
				requireRefused(t, send(h, request{body: "/a|1|0|0", from: "192.0.2.1:1"}), http.StatusServiceUnavailable, "did not answer in time")
			})
		}
		synctest.Wait()
		requireRefused(t, send(h, request{body: "/a|1|0|0", from: "192.0.2.1:1"}), http.StatusTooManyRequests, "wait for them")
		// All clients together have a bound, too.
		for i := range maxRequests - maxOpen {
			all.Go(func() { send(h, request{body: "/a|1|0|0", from: fmt.Sprintf("10.0.%d.%d:1", i/250, i%250)}) })
		}
		synctest.Wait()
		w := send(h, request{body: "/a|1|0|0", from: "192.0.2.2:1"})
		requireRefused(t, w, http.StatusServiceUnavailable, "already in progress")
		require.NotEmpty(t, w.Header().Get("Retry-After"))
		all.Wait()
		require.Empty(t, c.open)
		slow.block = false
		require.Equal(t, http.StatusAccepted, send(h, request{body: "/a|1|0|0", from: "192.0.2.1:1"}).Code)
	})
}
