package integration

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// canary is every password of a cluster without users: nothing that the program says may
// contain it.
const canary = "canary-4f1c"

// reauthenticate is how often brokers want a login again on a connection that is open, and when
// tokens are replaced.
const reauthenticate = 3 * time.Second

// secured is a cluster of three brokers with TLS, whose clients have only the rights that
// "topics acls" prints.
type secured struct{ *kafkatest.Cluster }

func newSecured(t *testing.T) *secured {
	brokers := 1
	if kafkatest.SecurityOfTests() != nil {
		brokers = 3
	}
	s := &secured{kafkatest.Real(t, brokers, kafkatest.WithSecurity(kafkatest.SCRAM, kafkatest.MutualTLS, kafkatest.OAuthBearer),
		func(c *kafkatest.Config) { c.Reauthenticate = reauthenticate })}
	kafkatest.NeedProcesses(t, s.Cluster)
	return s
}

// site is an installation whose processes connect in one way.
func (s *secured) site(t *testing.T, kind kafkatest.Security) *harness.Site {
	site := harness.NewSite(t, s.Cluster, shared.program)
	site.Secure(s.Cluster, kind)
	return site
}

// secret is every password of the cluster.
func (s *secured) secret(t *testing.T) string {
	t.Helper()
	user, err := s.User(within(t), kafkatest.OAuthBearer, "anybody")
	require.NoError(t, err)
	return user.Secret
}

// TestSecuredConnections runs everything on a Kafka with TLS and StandardAuthorizer, of three
// brokers if the other tests run on secured ones, too: with passwords, with certificates and with tokens, over several logins of
// each connection. Then the password and all certificates are renewed, and who issues them, while
// behaviours are counted.
func TestSecuredConnections(t *testing.T) {
	s := newSecured(t)
	t.Run("ways", func(t *testing.T) {
		for _, kind := range s.Security() {
			t.Run(string(kind), func(t *testing.T) {
				t.Parallel()
				s.everything(t, kind)
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
func (s *secured) everything(t *testing.T, kind kafkatest.Security) {
	file := readData(t, "testdata", smallest)
	site := s.site(t, kind)
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
		if e.Level != "DEBUG" { // as logins are logged
			assert.NotRegexp(t, "(?i)sasl|token|handshake failed|certificate|right", e.Message+e.Text("error"))
		}
	}
	assert.Contains(t, site.Must("top", "--once"), board.Pages[0].Page)
	site.Must("page", board.Pages[0].Page)
	site.Must("dead-letters", "list")
	p.audited(t)
	stopped(t, in)
	const all = 100_000
	assert.NotContains(t, in.Log().Tail(all), s.secret(t))
}

// refused has commands connect the wrong way: each ends at once, with a hint and no secret.
func (s *secured) refused(t *testing.T) {
	secret := s.secret(t)
	wrong := kafkatest.WriteFile(t, t.TempDir(), "wrong", []byte("wrong-"+secret))
	ctx := within(t)
	user := map[kafkatest.Security]kafkatest.User{}
	for _, kind := range s.Security() {
		u, err := s.User(ctx, kind, "somebody")
		require.NoError(t, err)
		user[kind] = u
	}
	scram, mutual, oauth := user[kafkatest.SCRAM], user[kafkatest.MutualTLS], user[kafkatest.OAuthBearer]
	with := func(u kafkatest.User, more ...string) []string { return append(harness.Environment(u), more...) }
	tls := []string{"PAGEHEAT_TLS=true", "PAGEHEAT_TLS_CA=" + scram.CA}
	plain := []string{"PAGEHEAT_SASL_MECHANISM=PLAIN", "PAGEHEAT_SASL_USERNAME=heat", "PAGEHEAT_SASL_PASSWORD=" + secret}
	for name, c := range map[string]struct {
		brokers string
		env     []string
		hint    string
	}{
		"wrong password":        {scram.Brokers, with(scram, "PAGEHEAT_SASL_PASSWORD_FILE="+wrong), "the brokers reject the credentials"},
		"wrong user":            {scram.Brokers, with(scram, "PAGEHEAT_SASL_USERNAME=cold"), "the brokers reject the credentials"},
		"wrong mechanism":       {scram.Brokers, with(scram, "PAGEHEAT_SASL_MECHANISM=SCRAM-SHA-256"), "--sasl-mechanism"},
		"wrong client secret":   {oauth.Brokers, with(oauth, "PAGEHEAT_OAUTH_CLIENT_SECRET=wrong-"+secret), "--oauth-client-id"},
		"no client certificate": {mutual.Brokers, tls, "--tls-cert"},
		"no trust":              {scram.Brokers, with(scram, "PAGEHEAT_TLS_CA="), "--tls-ca"},
		"no login":              {scram.Brokers, tls, "requires authentication: set --sasl-mechanism to one of SCRAM-SHA-512"},
		"a login where none is": {mutual.Brokers, with(mutual, plain...), "remove --sasl-mechanism"},
		"no TLS at a TLS port":  {mutual.Brokers, nil, "add --tls"},
		"TLS at a plain port":   {s.Guarded(), tls, "remove --tls"},
		"TLS and login, too":    {s.Guarded(), with(scram), "remove --tls"},
		"plain and login":       {s.Guarded(), plain, "remove --sasl-mechanism"},
		"nothing at a full one": {scram.Brokers, nil, "add --tls"},
		"no rights":             {scram.Brokers, with(scram), "right"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			prefix := kafkatest.Prefix(t)
			site := harness.Installation{Program: shared.program, Brokers: c.brokers, Prefix: prefix, Input: prefix + "-input", Output: prefix + "-output",
				Env: slices.Clone(c.env)}
			began := time.Now()
			r, err := site.Run(within(t), nil, "run", "--listen", "127.0.0.1:0", "--log-level", "debug")
			require.NoError(t, err)
			t.Log(r.Stderr)
			assert.Equal(t, 1, r.Code)
			assert.Contains(t, r.Stderr, c.hint)
			assert.NotContains(t, r.Stdout+r.Stderr, secret)
			assert.Less(t, time.Since(began), 30*time.Second)
		})
	}
}

// renewed replaces the password, then the authority and all certificates of three brokers and of
// clients, while behaviours are counted by an instance with the password, one with a certificate and
// one with tokens, which expire all the time. No instance ends, and nothing is lost.
func (s *secured) renewed(t *testing.T) {
	site := s.site(t, kafkatest.SCRAM)
	p := newPipeline(t, site, 3)
	instances := []*harness.Instance{site.Start("password")}
	for _, kind := range []kafkatest.Security{kafkatest.MutualTLS, kafkatest.OAuthBearer} {
		other := s.site(t, kind)
		other.Prefix, other.Input, other.Output = site.Prefix, site.Input, site.Output
		instances = append(instances, other.Start(string(kind)))
	}
	ctx := within(t)
	input := startTraffic(t, site, 3)
	counted := func() {
		t.Helper()
		now := int64(0)
		if b := p.boards.Newest(); b != nil {
			now = b.Counted
		}
		_, err := p.boards.Wait(within(t), func(b *harness.Board) bool { return b.Counted > now+1000 })
		require.NoError(t, err)
	}
	waitShared(t, ctx, site, len(instances), "-ingest", "-heat")
	counted()

	// Its connections have to log in again within seconds, and Kafka knows the new password first.
	const password = "another one"
	require.NoError(t, s.SetPassword(ctx, password))
	_, _, err := instances[0].WaitLog(ctx, 0, func(e harness.Entry) bool {
		return strings.Contains(e.Text("error"), "reject the credentials")
	})
	require.NoError(t, err)
	require.NoError(t, s.WritePassword(password))
	require.NoError(t, instances[0].WaitReady(ctx))
	counted()

	// As operators do it: everybody trusts the next authority, the certificates are replaced, nobody
	// trusts the last one. A broker reads its certificate when it starts, and its connections end.
	require.NoError(t, s.TrustNext())
	require.NoError(t, s.Reload(within(t)))
	require.NoError(t, s.IssueNext())
	for broker := range s.Brokers() {
		s.restart(t, broker)
		counted()
	}
	require.NoError(t, s.DistrustLast())
	require.NoError(t, s.Reload(within(t)))
	for _, in := range instances {
		_, ended := in.Ended()
		require.False(t, ended, in)
	}
	waitShared(t, within(t), site, len(instances), "-ingest", "-heat")
	counted()
	input.finish(t)
	for _, in := range instances {
		p.exact(t, in, input.ends, input.want)
	}
	p.audited(t)
	stopped(t, instances...)
	for _, in := range instances {
		const all = 100_000
		assert.NotContains(t, in.Log().Tail(all), s.secret(t))
		assert.NotContains(t, in.Log().Tail(all), password)
	}
}

// restart restarts a broker as an operator does.
func (s *secured) restart(t *testing.T, broker int) {
	t.Helper()
	ctx := within(t)
	require.NoError(t, s.Stop(broker))
	require.NoError(t, s.Start(broker))
	require.NoError(t, s.WaitReady(ctx))
	require.NoError(t, s.WaitInSync(ctx))
}
