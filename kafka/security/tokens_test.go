package security

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/kafkatest"
)

// TestTokensAreReplacedInTime: at four fifths of their life, once for all who ask, and while the
// endpoint is away the last one serves until its end.
func TestTokensAreReplacedInTime(t *testing.T) {
	now := time.Now()
	var fetched int
	var away error
	tokens := newTokens(func(context.Context) (token, error) {
		fetched++
		return token{fmt.Sprint("token ", fetched), now.Add(100 * time.Second)}, away
	})
	tokens.now = func() time.Time { return now }
	get := func() string {
		text, err := tokens.get(t.Context())
		assert.NoError(t, err)
		return text
	}
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { assert.Equal(t, "token 1", get()) })
	}
	all.Wait()
	now = now.Add(79 * time.Second)
	assert.Equal(t, "token 1", get())
	now = now.Add(2 * time.Second)
	assert.Equal(t, "token 2", get())
	now, away = now.Add(90*time.Second), errors.New("away")
	assert.Equal(t, "token 2", get())
	now = now.Add(10 * time.Second)
	_, err := tokens.get(t.Context())
	require.ErrorIs(t, err, away)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	<-tokens.turn // somebody fetches
	_, err = tokens.get(ended)
	require.ErrorIs(t, err, context.Canceled)
}

// TestTokensComeFromTheEndpoint: by client credentials, over TLS with --tls-ca, and what the
// endpoint says where it refuses is not repeated.
func TestTokensComeFromTheEndpoint(t *testing.T) {
	const canary = "canary"
	authority := kafkatest.NewAuthority(t)
	var status atomic.Int32
	endpoint := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, given, _ := r.BasicAuth()
		assert.NoError(t, r.ParseForm())
		w.Header().Set("Content-Type", "application/json")
		switch {
		case status.Load() != 0:
			w.WriteHeader(int(status.Load()))
			_, _ = fmt.Fprintf(w, `{"error":"invalid_client","error_description":"not %s"}`, given)
		case id == "heat" && given == canary && r.PostForm.Get("grant_type") == "client_credentials" && r.PostForm.Get("scope") == "read write":
			_, _ = fmt.Fprint(w, `{"access_token":"the-token","token_type":"bearer","expires_in":3600}`)
		default:
			t.Errorf("the request has %v", r.PostForm)
		}
	}))
	endpoint.TLS = authority.Issue().Server(t, nil)
	endpoint.StartTLS()
	defer endpoint.Close()
	s := Settings{TLS: true, TLSCA: string(authority.PEM), SASLMechanism: "OAUTHBEARER", OAuthTokenURL: endpoint.URL + "/token",
		OAuthClientID: "heat", OAuthClientSecret: canary, OAuthScope: "read  write"}
	open := func() *Security {
		made, err := s.Open(slog.New(slog.DiscardHandler))
		require.NoError(t, err)
		return made
	}
	_, first, err := open().login.mechanism.Authenticate(t.Context(), "")
	require.NoError(t, err)
	assert.Contains(t, string(first), "Bearer the-token\x01")

	for code, refused := range map[int32]bool{401: true, 400: true, 429: false, 503: false} {
		status.Store(code)
		_, _, err = open().login.mechanism.Authenticate(t.Context(), "")
		var failed *TokenError
		require.ErrorAs(t, err, &failed)
		assert.Equal(t, refused, failed.Refused(), code)
		assert.Equal(t, refused, Hint(err) != "", code)
		assert.Contains(t, err.Error(), endpoint.URL)
		assert.NotContains(t, err.Error(), canary)
	}
	endpoint.Close()
	_, _, err = open().login.mechanism.Authenticate(t.Context(), "")
	require.ErrorContains(t, err, endpoint.URL)
	assert.Empty(t, Hint(err), "it may come back")
}

// TestARefusedTokenSaysWhy: brokers say it in JSON, before they say that the login has failed.
func TestARefusedTokenSaysWhy(t *testing.T) {
	s := bearerSession{}
	done, _, err := s.Challenge([]byte(`{"status":"invalid_token"}`))
	assert.False(t, done)
	require.ErrorContains(t, err, "invalid_token")
}

// TestTokensForMSK are signed without a request, since the credentials are in the environment.
func TestTokensForMSK(t *testing.T) {
	for name, value := range map[string]string{"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_ACCESS_KEY_ID": "heat", "AWS_SECRET_ACCESS_KEY": "canary", "AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none"} {
		t.Setenv(name, value)
	}
	s := Settings{TLS: true, SASLMechanism: "AWS_MSK_IAM"}
	_, err := s.Open(slog.New(slog.DiscardHandler))
	require.ErrorContains(t, err, "AWS_REGION")
	t.Setenv("AWS_REGION", "eu-central-1")
	made, err := s.Open(slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	assert.Equal(t, "OAUTHBEARER", made.Mechanism())
	token, err := made.login.token(t.Context())
	require.NoError(t, err)
	signed, err := base64.RawURLEncoding.DecodeString(token)
	require.NoError(t, err)
	assert.Contains(t, string(signed), "kafka.eu-central-1.amazonaws.com")
	assert.NotContains(t, string(signed), "canary")

	t.Setenv("AWS_ACCESS_KEY_ID", "")
	made, err = s.Open(slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	_, err = made.login.token(t.Context())
	var failed *TokenError
	require.ErrorAs(t, err, &failed)
	assert.NotContains(t, err.Error(), "canary")
}
