package integration

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// The listeners of the secured cluster.
const (
	scramListener  = "SCRAM"
	mutualListener = "MUTUAL"
	oauthListener  = "OAUTH"
)

const (
	// canary is every password of these tests: nothing that the program says may contain it.
	canary = "canary-4f1c"
	// reauthenticate is how often brokers want a login again on a connection that is open.
	reauthenticate = 3 * time.Second
	// replaceToken is when the token endpoint says that a token expires. Brokers take it for
	// longer: Kafka refuses a login within a second of the last one, so no session may be that
	// short.
	replaceToken = reauthenticate
)

// secured is a cluster whose listeners have TLS, and the files of its clients.
type secured struct {
	*kafkatest.Cluster
	dir       string // of the certificates; see renew
	endpoint  *httptest.Server
	authority *kafkatest.Authority
}

func newSecured(t *testing.T) *secured {
	kafkatest.NeedKafka(t)
	s := &secured{dir: t.TempDir()}
	s.renew(t)
	kafkatest.WriteFile(t, s.dir, "password", []byte(canary+"\n"))
	s.endpoint = httptest.NewServer(http.HandlerFunc(s.token))
	t.Cleanup(s.endpoint.Close)
	server, trust := s.dir+"/server.pem", s.dir+"/ca.pem"
	listener := func(name, protocol, truststore string, more map[string]string) kafkatest.Option {
		properties := kafkatest.PEMProperties(server, truststore)
		maps.Copy(properties, more)
		return kafkatest.WithListener(kafkatest.Listener{Name: name, Protocol: protocol, Properties: properties})
	}
	every := fmt.Sprint(reauthenticate.Milliseconds())
	s.Cluster = kafkatest.Real(t, 1,
		listener(scramListener, "SASL_SSL", "", map[string]string{
			"sasl.enabled.mechanisms":        "SCRAM-SHA-512",
			"scram-sha-512.sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required;",
			"connections.max.reauth.ms":      every,
		}),
		listener(mutualListener, "SSL", trust, nil),
		listener(oauthListener, "SASL_SSL", "", map[string]string{
			"sasl.enabled.mechanisms":      "OAUTHBEARER",
			"oauthbearer.sasl.jaas.config": "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;",
			"connections.max.reauth.ms":    every,
		}))
	kafkatest.NeedProcesses(t, s.Cluster)
	s.setPassword(t, canary)
	return s
}

// setPassword tells the brokers the password.
func (s *secured) setPassword(t *testing.T, password string) {
	t.Helper()
	const iterations = 4096
	answers, err := kafkatest.Admin(t, s.Cluster).AlterUserSCRAMs(t.Context(), nil,
		[]kadm.UpsertSCRAM{{User: "heat", Mechanism: kadm.ScramSha512, Iterations: iterations, Password: password}})
	require.NoError(t, err)
	require.NoError(t, answers.Error())
}

// renew replaces all certificates, and who issued them.
func (s *secured) renew(t *testing.T) {
	t.Helper()
	s.authority = kafkatest.NewAuthority(t)
	client := s.authority.Issue("heat")
	for name, text := range map[string][]byte{
		"ca.pem": s.authority.PEM, "server.pem": s.authority.Issue().Both(), "client.pem": client.Chain, "client.key": client.Key,
	} {
		kafkatest.WriteFile(t, s.dir, name, text)
	}
}

// token is a token endpoint, whose tokens the brokers' default validator takes.
func (s *secured) token(w http.ResponseWriter, r *http.Request) {
	if id, password, _ := r.BasicAuth(); id != "heat" || password != canary {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = fmt.Fprintf(w, `{"error":"invalid_client","error_description":"not %s"}`, password)
		return
	}
	part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	now := time.Now().Unix()
	token := part(`{"alg":"none"}`) + "." + part(fmt.Sprintf(`{"sub":"heat","iat":%d,"exp":%d}`, now, now+60)) + "."
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer","expires_in":%d}`, token, int(replaceToken.Seconds()))
}

// site is an installation whose program connects to a listener, by settings in its environment.
func (s *secured) site(t *testing.T, listener string) *harness.Site {
	site := harness.NewSite(t, s.Cluster, shared.program)
	site.Brokers = s.Listener(listener)
	site.Env = []string{"PAGEHEAT_TLS=true", "PAGEHEAT_TLS_CA=" + s.dir + "/ca.pem"}
	switch listener {
	case scramListener:
		site.Env = append(site.Env, "PAGEHEAT_SASL_MECHANISM=SCRAM-SHA-512", "PAGEHEAT_SASL_USERNAME=heat", "PAGEHEAT_SASL_PASSWORD_FILE="+s.dir+"/password")
	case mutualListener:
		site.Env = append(site.Env, "PAGEHEAT_TLS_CERT="+s.dir+"/client.pem", "PAGEHEAT_TLS_KEY="+s.dir+"/client.key")
	case oauthListener:
		site.Env = append(site.Env, "PAGEHEAT_SASL_MECHANISM=OAUTHBEARER", "PAGEHEAT_OAUTH_TOKEN_URL="+s.endpoint.URL, "PAGEHEAT_OAUTH_CLIENT_ID=heat", "PAGEHEAT_OAUTH_CLIENT_SECRET="+canary)
	}
	return site
}

// TestSecuredConnections runs everything on a Kafka with TLS: with passwords, with certificates and
// with tokens, over several logins of each connection. Then the password and all certificates are renewed,
// and who issues them, while behaviours are counted.
func TestSecuredConnections(t *testing.T) {
	s := newSecured(t)
	t.Run("ways", func(t *testing.T) {
		for _, listener := range []string{scramListener, mutualListener, oauthListener} {
			t.Run(listener, func(t *testing.T) {
				t.Parallel()
				s.everything(t, listener)
			})
		}
		t.Run("refused", func(t *testing.T) {
			t.Parallel()
			s.refused(t)
		})
	})
	t.Run("renewed", s.renewed)
}

// everything runs all that connects.
func (s *secured) everything(t *testing.T, listener string) {
	file := readData(t, "testdata", smallest)
	site := s.site(t, listener)
	p := newPipeline(t, site, 3)
	site.Must("topics", "check")
	in := site.Start("secured", "--roles", "ingest,heat,rank,serve,collect", "--log-level", "debug")
	began := time.Now()
	site.ProduceFile(file.lines)
	board := p.exact(t, in, site.Ends(), file.recount(t, 1))
	// Each connection logs in again, and tokens are replaced.
	for more := true; more; more = time.Since(began) < 2*reauthenticate {
		site.Must("produce", "--count", "10", "--rate", "100")
	}
	_, err := p.boards.WaitFor(within(t), site.Ends())
	require.NoError(t, err)
	assert.Greater(t, p.boards.Newest().Counted, board.Counted)
	for _, e := range in.Log().Entries() {
		assert.NotRegexp(t, "(?i)sasl|token|handshake failed|certificate", e.Message+e.Text("error"))
	}
	assert.Contains(t, site.Must("top", "--once"), board.Pages[0].Page)
	site.Must("page", board.Pages[0].Page)
	site.Must("dead-letters", "list")
	p.audited(t)
	stopped(t, in)
	const all = 100_000
	assert.NotContains(t, in.Log().Tail(all), canary)
}

// refused has commands connect the wrong way: each ends at once, with a hint and no secret.
func (s *secured) refused(t *testing.T) {
	kafkatest.WriteFile(t, s.dir, "wrong", []byte("wrong-"+canary))
	for name, c := range map[string]struct {
		brokers string
		env     []string
		hint    string
	}{
		"wrong password":        {s.Listener(scramListener), []string{"PAGEHEAT_SASL_PASSWORD_FILE=" + s.dir + "/wrong"}, "the brokers reject the credentials"},
		"wrong user":            {s.Listener(scramListener), []string{"PAGEHEAT_SASL_USERNAME=cold"}, "the brokers reject the credentials"},
		"wrong mechanism":       {s.Listener(scramListener), []string{"PAGEHEAT_SASL_MECHANISM=SCRAM-SHA-256"}, "--sasl-mechanism"},
		"wrong client secret":   {s.Listener(oauthListener), []string{"PAGEHEAT_OAUTH_CLIENT_SECRET=wrong-" + canary}, "--oauth-client-id"},
		"no client certificate": {s.Listener(mutualListener), []string{"PAGEHEAT_TLS_CERT=", "PAGEHEAT_TLS_KEY="}, "--tls-cert"},
		"no trust":              {s.Listener(scramListener), []string{"PAGEHEAT_TLS_CA="}, "--tls-ca"},
		"no login":              {s.Listener(scramListener), []string{"PAGEHEAT_SASL_MECHANISM=", "PAGEHEAT_SASL_USERNAME=", "PAGEHEAT_SASL_PASSWORD_FILE="}, "requires authentication: set --sasl-mechanism to one of SCRAM-SHA-512"},
		"a login where none is": {s.Listener(mutualListener), []string{"PAGEHEAT_SASL_MECHANISM=PLAIN", "PAGEHEAT_SASL_USERNAME=heat", "PAGEHEAT_SASL_PASSWORD=" + canary,
			"PAGEHEAT_TLS_CERT=" + s.dir + "/client.pem", "PAGEHEAT_TLS_KEY=" + s.dir + "/client.key"}, "remove --sasl-mechanism"},
		"no TLS at a TLS port":  {s.Listener(mutualListener), []string{"PAGEHEAT_TLS=false", "PAGEHEAT_TLS_CA=", "PAGEHEAT_TLS_CERT=", "PAGEHEAT_TLS_KEY="}, "add --tls"},
		"TLS at a plain port":   {s.Bootstrap(), nil, "remove --tls"},
		"TLS and login, too":    {s.Bootstrap(), s.site(t, scramListener).Env, "remove --tls"},
		"plain and login":       {s.Bootstrap(), []string{"PAGEHEAT_TLS=false", "PAGEHEAT_TLS_CA=", "PAGEHEAT_SASL_MECHANISM=PLAIN", "PAGEHEAT_SASL_USERNAME=heat", "PAGEHEAT_SASL_PASSWORD=" + canary}, "remove --sasl-mechanism"},
		"nothing at a full one": {s.Listener(scramListener), []string{"PAGEHEAT_TLS=false", "PAGEHEAT_TLS_CA=", "PAGEHEAT_SASL_MECHANISM=", "PAGEHEAT_SASL_USERNAME=", "PAGEHEAT_SASL_PASSWORD_FILE="}, "add --tls"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			site := s.site(t, mutualListener)
			for _, listener := range []string{scramListener, oauthListener} {
				if c.brokers == s.Listener(listener) {
					site = s.site(t, listener)
				}
			}
			if c.brokers == s.Bootstrap() {
				site.Env = site.Env[:2]
			}
			site.Brokers = c.brokers
			site.Env = append(slices.Clone(site.Env), c.env...)
			began := time.Now()
			r := site.Command("run", "--listen", "127.0.0.1:0", "--log-level", "debug")
			t.Log(r.Stderr)
			assert.Equal(t, 1, r.Code)
			assert.Contains(t, r.Stderr, c.hint)
			assert.NotContains(t, r.Stdout+r.Stderr, canary)
			assert.Less(t, time.Since(began), 30*time.Second)
		})
	}
}

// renewed replaces the password, then all certificates and their authority, while behaviours are
// counted by an instance with the password and one with a certificate.
func (s *secured) renewed(t *testing.T) {
	site := s.site(t, scramListener)
	p := newPipeline(t, site, 3)
	mutual := s.site(t, mutualListener)
	mutual.Prefix, mutual.Input, mutual.Output = site.Prefix, site.Input, site.Output
	instances := []*harness.Instance{site.Start("password"), mutual.Start("certificate")}
	ctx := within(t)
	input := startTraffic(t, site, 3)
	counted := func() {
		t.Helper()
		now := int64(0)
		if b := p.boards.Newest(); b != nil {
			now = b.Counted
		}
		_, err := p.boards.Wait(ctx, func(b *harness.Board) bool { return b.Counted > now+1000 })
		require.NoError(t, err)
	}
	waitShared(t, ctx, site, len(instances), "-ingest", "-heat")
	counted()

	// Its connections have to log in again within seconds, and Kafka knows the new password first.
	s.setPassword(t, canary+"-new")
	_, _, err := instances[0].WaitLog(ctx, 0, func(e harness.Entry) bool {
		return strings.Contains(e.Text("error"), "reject the credentials")
	})
	require.NoError(t, err)
	kafkatest.WriteFile(t, s.dir, "password", []byte(canary+"-new"))
	require.NoError(t, instances[0].WaitReady(ctx))
	counted()

	// The broker reads its files when it starts, and its connections end.
	s.renew(t)
	require.NoError(t, s.Stop(0))
	require.NoError(t, s.Start(0))
	require.NoError(t, s.WaitReady(ctx))
	waitShared(t, ctx, site, len(instances), "-ingest", "-heat")
	counted()
	input.finish(t)
	for _, in := range instances {
		p.exact(t, in, input.ends, input.want)
	}
	p.audited(t)
	stopped(t, instances...)
	for _, in := range instances {
		const all = 100_000
		assert.NotContains(t, in.Log().Tail(all), canary)
	}
}
