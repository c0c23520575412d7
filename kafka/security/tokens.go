package security

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"pageheat/failure"
	"pageheat/secret"
)

const (
	// tokenTimeout bounds a request for a token.
	tokenTimeout = 10 * time.Second
	// tokenUse is the part of its lifetime that a token is used for, as in Kafka's own client
	// (sasl.login.refresh.window.factor): the rest is for retries.
	tokenUse = 0.8
)

// TokenError is a request for a token that failed.
type TokenError struct {
	// Endpoint is where the token was requested.
	Endpoint string
	// Status is the HTTP status, 0 without an answer.
	Status int
	err    error
}

// Error never has the answer's body, which may hold anything.
func (e *TokenError) Error() string {
	return fmt.Sprintf("getting a token from %s: %v", e.Endpoint, e.err)
}

// Unwrap is what went wrong.
func (e *TokenError) Unwrap() error { return e.err }

// Temporary has clients try again.
func (e *TokenError) Temporary() bool { return true }

// Refused reports whether the endpoint refuses the client, rather than being unavailable.
func (e *TokenError) Refused() bool {
	return e.Status >= http.StatusBadRequest && e.Status < http.StatusInternalServerError &&
		e.Status != http.StatusRequestTimeout && e.Status != http.StatusTooManyRequests
}

// token is a token and when it expires; zero if that is not known.
type token struct {
	text    string
	expires time.Time
}

// tokens keeps a token and replaces it in time. It is safe for concurrent use.
type tokens struct {
	fetch func(context.Context) (token, error)
	now   func() time.Time

	turn    chan struct{} // holds one element while nobody fetches
	mu      sync.Mutex
	last    token
	replace time.Time // when to fetch the next one
}

func newTokens(fetch func(context.Context) (token, error)) *tokens {
	t := &tokens{fetch: fetch, now: time.Now, turn: make(chan struct{}, 1)}
	t.turn <- struct{}{}
	return t
}

// get returns a token that is valid now. One request at a time is under way.
func (t *tokens) get(ctx context.Context) (string, error) {
	if text, fresh := t.current(); fresh {
		return text, nil
	}
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	select {
	case <-t.turn:
		defer func() { t.turn <- struct{}{} }()
	case <-ctx.Done():
		return "", fmt.Errorf("waiting for a token: %w", ctx.Err())
	}
	text, fresh := t.current()
	if fresh {
		return text, nil // somebody else has fetched it meanwhile
	}
	next, err := t.fetch(ctx)
	if err != nil {
		if text != "" {
			return text, nil // still valid
		}
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last, t.replace = next, time.Time{}
	if now := t.now(); !next.expires.IsZero() {
		t.replace = now.Add(time.Duration(tokenUse * float64(next.expires.Sub(now))))
	}
	return next.text, nil
}

// current is the token, empty if it is no longer valid, and whether it is too early to replace.
func (t *tokens) current() (text string, fresh bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if !now.Before(t.last.expires) {
		return "", false
	}
	return t.last.text, now.Before(t.replace)
}

// openTokens are the tokens of a client that identifies by its secret (RFC 6749, 4.4).
func (s Settings) openTokens(logger *slog.Logger) (*tokens, error) {
	if err := checkEndpoint(s.OAuthTokenURL); err != nil {
		return nil, &failure.Setting{Name: "oauth-token-url", Err: err}
	}
	clientSecret := &reloaded[string]{what: "the OAuth client secret", logger: logger, read: func() (string, error) {
		return secret.Read("oauth-client-secret-file", s.OAuthClientSecretFile, s.OAuthClientSecret)
	}}
	if _, err := clientSecret.get(); err != nil {
		return nil, err
	}
	return newTokens(func(ctx context.Context) (token, error) {
		given, err := clientSecret.get()
		if err != nil {
			return token{}, err
		}
		client, err := s.tokenClient()
		if err != nil {
			return token{}, err
		}
		defer client.CloseIdleConnections()
		config := clientcredentials.Config{ClientID: s.OAuthClientID, ClientSecret: given, TokenURL: s.OAuthTokenURL, Scopes: strings.Fields(s.OAuthScope)}
		got, err := config.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
		if err != nil {
			return token{}, refusal(s.OAuthTokenURL, err)
		}
		return token{got.AccessToken, got.Expiry}, nil
	}), nil
}

// tokenClient trusts the authorities of the system and those of --tls-ca.
func (s Settings) tokenClient() (*http.Client, error) {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return &http.Client{}, nil
	}
	transport = transport.Clone()
	if s.TLSCA != "" {
		pool, err := x509.SystemCertPool()
		if err != nil {
			pool = x509.NewCertPool()
		}
		if err := s.addCA(pool); err != nil {
			return nil, err
		}
		transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}
	}
	return &http.Client{Transport: transport}, nil
}

// refusal is the error of a token endpoint, without the body of its answer.
func refusal(endpoint string, err error) error {
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) || answer.Response == nil {
		if failed, ok := errors.AsType[*url.Error](err); ok {
			err = failed.Err
		}
		return &TokenError{Endpoint: endpoint, err: err}
	}
	said := answer.Response.Status
	if answer.ErrorCode != "" {
		said += ", " + answer.ErrorCode
	}
	return &TokenError{Endpoint: endpoint, Status: answer.Response.StatusCode, err: errors.New(said)}
}

// checkEndpoint refuses an endpoint that would get the client's secret over the network
// without encryption.
func checkEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return errors.New("must be a URL, https://HOST/PATH")
	}
	if u.User != nil {
		return errors.New("must not hold a user or password: use --oauth-client-id and --oauth-client-secret-file")
	}
	address := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || address != nil && address.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return errors.New("must begin with https://, since the client secret is sent there; http:// is only allowed for an endpoint on this machine")
	}
	return nil
}
