package web

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/secret"
)

func TestHosts(t *testing.T) {
	hosts, err := NewHosts([]string{"Heat.Internal", "serve"})
	require.NoError(t, err)
	all, err := NewHosts([]string{"*"})
	require.NoError(t, err)
	metrics := newMetrics(nil)
	h := handlerOf(Config{Hosts: hosts, metrics: metrics}, routes(), false)
	askHost := func(h http.Handler, path, host string) int {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.TCPAddr{IP: net.ParseIP("192.0.2.7"), Port: 8080}))
		r.Host = host
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	for _, host := range []string{"", "localhost", "LOCALHOST:8080", "localhost.", "127.0.0.1:8080", "127.8.8.8", "[::1]:8080", "[::1]", "::1",
		"192.0.2.7:8080", "[::ffff:192.0.2.7]:80", "0.0.0.0:8080", "heat.internal", "HEAT.internal:1", "serve:8080"} {
		assert.Equal(t, http.StatusOK, askHost(h, "/secret", host), host)
	}
	wrong := []string{"evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.8", "xlocalhost",
		"[2001:db8::1]", "heat.internal.evil.example", "x@localhost", "localhost/", "2130706433"}
	for _, host := range wrong {
		assert.Equal(t, http.StatusMisdirectedRequest, askHost(h, "/secret", host), host)
		assert.Equal(t, http.StatusOK, askHost(h, "/open", host), "what is for everybody has any name")
		assert.Equal(t, http.StatusOK, askHost(handlerOf(Config{Hosts: all}, routes(), false), "/secret", host))
		assert.Equal(t, http.StatusUnauthorized, askHost(handlerOf(Config{Hosts: hosts, Token: secret.Hold("t")}, routes(), false), "/secret", host), "the token guards")
	}
	assert.InDelta(t, len(wrong), testutil.ToFloat64(metrics.requests.WithLabelValues("host")), 0)
	for _, bad := range []string{"", " ", "http://x", "a/b", "*.example", "a b", "x@y"} {
		_, err := NewHosts([]string{bad})
		assert.ErrorContains(t, err, "is not a host", bad)
	}
}

func TestProxies(t *testing.T) {
	proxies, err := NewProxies([]string{"10.0.0.0/8", "127.0.0.1", "2001:db8:ff::/48", "::ffff:172.16.0.0/108", " ::ffff:192.168.1.1 "})
	require.NoError(t, err)
	for _, c := range []struct{ from, forwarded, want string }{
		{"192.0.2.1:5", "", "192.0.2.1"},
		{"192.0.2.1:5", "198.51.100.1", "192.0.2.1"}, // says itself
		{"10.1.1.1:5", "198.51.100.1", "198.51.100.1"},
		{"10.1.1.1:5", "9.9.9.9, 198.51.100.1", "198.51.100.1"},
		{"10.1.1.1:5", "198.51.100.1, 10.2.2.2", "198.51.100.1"},
		{"10.1.1.1:5", "198.51.100.1:4711", "198.51.100.1"},
		{"10.1.1.1:5", "", "10.1.1.1"},
		{"10.1.1.1:5", "10.3.3.3", "10.3.3.3"},
		{"[::ffff:10.1.1.1]:5", "198.51.100.1", "198.51.100.1"},
		{"172.16.9.9:5", "198.51.100.1", "198.51.100.1"},
		{"[::ffff:172.16.9.9]:5", "198.51.100.1", "198.51.100.1"},
		{"172.32.0.1:5", "198.51.100.1", "172.32.0.1"},
		{"192.168.1.1:5", "198.51.100.1", "198.51.100.1"},
		{"127.0.0.1:5", "2001:db8::1:2:3:4", "2001:db8::"},
		{"[2001:db8:ff::1]:5", "::ffff:198.51.100.1", "198.51.100.1"},
		{"[2001:db8:1:2:3:4:5:6]:5", "", "2001:db8:1:2::"},
		{"10.1.1.1:5", "unknown", "invalid IP"},
		{"pipe", "", "invalid IP"},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.RemoteAddr = c.from
		r.Header.Set("X-Forwarded-For", c.forwarded)
		assert.Equal(t, c.want, proxies.Client(r).String(), "%s for %s", c.from, c.forwarded)
	}
	// Each proxy may add a line of its own.
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	r.RemoteAddr = "10.1.2.3:1"
	for _, line := range []string{"6.6.6.6", "203.0.113.9", "192.168.1.1"} {
		r.Header.Add("X-Forwarded-For", line)
	}
	assert.Equal(t, "203.0.113.9", proxies.Client(r).String())
	for _, bad := range []string{"", "10.0.0.0/33", "host", "10.0.0.0/", "::ffff:10.0.0.0/95"} {
		_, err := NewProxies([]string{bad})
		assert.ErrorContains(t, err, bad)
	}
}

func TestRefusedOriginsAreTold(t *testing.T) {
	var log strings.Builder
	metrics := newMetrics(nil)
	origins, err := Origins{}.told(slog.New(slog.NewTextHandler(&log, nil)), metrics)
	require.NoError(t, err)
	refuse := func(origin string) {
		r := httptest.NewRequest(http.MethodPost, "http://example.com/api/v1/behaviours", nil)
		r.Header.Set("Origin", origin)
		assert.False(t, origins.Allow(httptest.NewRecorder(), r))
	}
	for range 5 {
		refuse("https://forum.example")
		refuse("null")
	}
	assert.Equal(t, 2, strings.Count(log.String(), "\n"), log.String())
	assert.Contains(t, log.String(), "origin=https://forum.example path=/api/v1/behaviours")
	assert.Contains(t, log.String(), "--allow-origins")
	assert.Contains(t, log.String(), "Referrer-Policy")
	for i := range 1000 {
		refuse("https://" + strings.Repeat("x", i+1) + ".example")
	}
	assert.LessOrEqual(t, strings.Count(log.String(), "\n"), toldOrigins+1, "strangers do not fill the log")
	assert.InDelta(t, 1010, testutil.ToFloat64(metrics.requests.WithLabelValues("origin")), 0)
}
