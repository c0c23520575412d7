package collect

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAddressIsBelievedFromTrustedProxiesOnly(t *testing.T) {
	proxies, err := ParseProxies([]string{"10.0.0.0/8", " 192.0.2.7", "2001:db8::/32"})
	require.NoError(t, err)
	trusting, err := newClients(proxies, 1, 1)
	require.NoError(t, err)
	wary, err := newClients(nil, 1, 1)
	require.NoError(t, err)
	for _, c := range []struct {
		clients   *clients
		remote    string
		forwarded []string
		want      string
	}{
		{wary, "198.51.100.1:4711", []string{"203.0.113.9"}, "198.51.100.1"},
		{trusting, "198.51.100.1:4711", []string{"203.0.113.9"}, "198.51.100.1"},
		{trusting, "10.1.2.3:1", nil, "10.1.2.3"},
		{trusting, "10.1.2.3:1", []string{""}, "10.1.2.3"},
		{trusting, "10.1.2.3:1", []string{"203.0.113.9"}, "203.0.113.9"},
		{trusting, "10.1.2.3:1", []string{"6.6.6.6, 203.0.113.9"}, "203.0.113.9"},
		{trusting, "10.1.2.3:1", []string{"6.6.6.6, 203.0.113.9, 10.9.9.9"}, "203.0.113.9"},
		{trusting, "10.1.2.3:1", []string{"6.6.6.6", "203.0.113.9", "192.0.2.7"}, "203.0.113.9"},
		{trusting, "10.1.2.3:1", []string{"10.1.1.1"}, "10.1.1.1"},
		{trusting, "[2001:db8::9]:1", []string{"2001:dead::1"}, "2001:dead::1"},
		{trusting, "10.1.2.3:1", []string{"203.0.113.9:5555"}, "203.0.113.9"},
		{trusting, "[::ffff:10.1.2.3]:1", []string{"::ffff:203.0.113.9"}, "203.0.113.9"},
		{trusting, "10.1.2.3:1", []string{"6.6.6.6, rubbish"}, "invalid IP"},
		{trusting, "@", nil, "invalid IP"},
	} {
		r := httptest.NewRequest(http.MethodPost, Path, nil)
		r.RemoteAddr = c.remote
		for _, line := range c.forwarded {
			r.Header.Add("X-Forwarded-For", line)
		}
		assert.Equal(t, c.want, c.clients.address(r).String(), "%s %q", c.remote, c.forwarded)
	}
	for _, bad := range []string{"", "proxy.example", "10.0.0.0/40"} {
		_, err := ParseProxies([]string{bad})
		require.ErrorContains(t, err, "neither an address")
	}
}

func TestClientsAreForgotten(t *testing.T) {
	known, err := newClients(nil, 1, 1)
	require.NoError(t, err)
	for i := range maxClients + 1000 {
		r := httptest.NewRequest(http.MethodPost, Path, nil)
		r.RemoteAddr = fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255)
		first, again := known.of(r), known.of(r)
		require.Same(t, first, again)
	}
	assert.Equal(t, maxClients, known.known.Len())
}
