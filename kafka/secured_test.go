package kafka

import (
	"bytes"
	"crypto/tls"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/failure"
	"pageheat/integration/kafkatest"
	"pageheat/kafka/security"
)

// world is what the tests of secured connections share: certificates in files.
type world struct {
	authority, other                *kafkatest.Authority
	ca, otherCA, cert, key, badCert string
	badKey, expiredCert, expiredKey string
	password, wrongPassword         string
}

const user, password, wrong = "heat", "correct horse", "battery staple"

func newWorld(t *testing.T) world {
	w := world{authority: kafkatest.NewAuthority(t), other: kafkatest.NewAuthority(t)}
	dir := t.TempDir()
	write := func(name string, text []byte) string { return kafkatest.WriteFile(t, dir, name, text) }
	own, others, expired := w.authority.Issue("heat"), w.other.Issue("heat"), w.authority.IssueFor(-time.Minute, "heat")
	w.ca, w.otherCA = write("ca.pem", w.authority.PEM), write("other.pem", w.other.PEM)
	w.cert, w.key = write("cert.pem", own.Chain), write("key.pem", own.Key)
	w.badCert, w.badKey = write("bad-cert.pem", others.Chain), write("bad-key.pem", others.Key)
	w.expiredCert, w.expiredKey = write("expired-cert.pem", expired.Chain), write("expired-key.pem", expired.Key)
	w.password, w.wrongPassword = write("password", []byte(password+"\n")), write("wrong", []byte(wrong))
	return w
}

func (w world) brokers(t *testing.T, options ...kfake.Opt) *kfake.Cluster {
	t.Helper()
	b, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, options...)...)
	require.NoError(t, err)
	kafkatest.WithoutTelemetry(b)
	t.Cleanup(b.Close)
	return b
}

// refuseLogins has a broker answer every login as Kafka answers a wrong one: kfake only closes
// the connection.
func refuseLogins(b *kfake.Cluster) {
	b.ControlKey(int16(kmsg.SASLAuthenticate), func(request kmsg.Request) (kmsg.Response, error, bool) {
		b.KeepControl()
		response := kmsg.NewPtrSASLAuthenticateResponse()
		response.Version = request.GetVersion()
		response.ErrorCode, response.ErrorMessage = kerr.SaslAuthenticationFailed.Code, new("Authentication failed")
		return response, nil, true
	})
}

func (w world) tls(t *testing.T, clients *kafkatest.Authority, names ...string) kfake.Opt {
	return kfake.TLS(w.authority.Issue(names...).Server(t, clients))
}

func logins() kfake.Opt { return kfake.EnableSASL() }

func cluster(t *testing.T, brokers []string, s security.Settings) *Cluster {
	t.Helper()
	config, err := Settings{Brokers: brokers, Security: s}.Config("test", slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	c := New(config)
	t.Cleanup(c.Close)
	return c
}

// connectSarama has sarama connect, without its own patience.
func connectSarama(c *Cluster) error {
	config := c.saramaConfig("test")
	config.Metadata.Retry.Max = 0
	client, err := sarama.NewClient(c.Brokers(), config)
	if err != nil {
		return Explain(err)
	}
	return client.Close()
}

// TestBothClientsConnectSecurely: with what the brokers ask for, all of it checked.
func TestBothClientsConnectSecurely(t *testing.T) {
	w := newWorld(t)
	scram := []kfake.Opt{logins(), kfake.User("PLAIN", user, password), kfake.User("SCRAM-SHA-256", user, password), kfake.User("SCRAM-SHA-512", user, password)}
	for name, c := range map[string]struct {
		broker []kfake.Opt
		s      security.Settings
	}{
		"TLS":             {[]kfake.Opt{w.tls(t, nil)}, security.Settings{TLS: true, TLSCA: w.ca}},
		"PEM as text":     {[]kfake.Opt{w.tls(t, nil)}, security.Settings{TLS: true, TLSCA: string(w.authority.PEM)}},
		"another name":    {[]kfake.Opt{w.tls(t, nil, "kafka.example")}, security.Settings{TLS: true, TLSCA: w.ca, TLSServerName: "kafka.example"}},
		"certificates":    {[]kfake.Opt{w.tls(t, w.authority)}, security.Settings{TLS: true, TLSCA: w.ca, TLSCert: w.cert, TLSKey: w.key}},
		"PLAIN":           {scram, security.Settings{SASLMechanism: "PLAIN", SASLUsername: user, SASLPassword: password}},
		"SCRAM-SHA-256":   {scram, security.Settings{SASLMechanism: "SCRAM-SHA-256", SASLUsername: user, SASLPasswordFile: w.password}},
		"SCRAM over TLS":  {append(scram, w.tls(t, nil)), security.Settings{TLS: true, TLSCA: w.ca, SASLMechanism: "SCRAM-SHA-512", SASLUsername: user, SASLPasswordFile: w.password}},
		"PLAIN over mTLS": {append(scram, w.tls(t, w.authority)), security.Settings{TLS: true, TLSCA: w.ca, TLSCert: w.cert, TLSKey: w.key, SASLMechanism: "PLAIN", SASLUsername: user, SASLPasswordFile: w.password}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := cluster(t, w.brokers(t, c.broker...).ListenAddrs(), c.s)
			require.NoError(t, c.Reach(t.Context()))
			require.NoError(t, connectSarama(c))
		})
	}
}

// TestRefusedConnectionsSayWhatToDo: for good where a command begins, and not later on.
func TestRefusedConnectionsSayWhatToDo(t *testing.T) {
	w := newWorld(t)
	users := []kfake.Opt{logins(), kfake.User("PLAIN", user, password), kfake.User("SCRAM-SHA-512", user, password)}
	scram := func(s security.Settings) security.Settings {
		s.SASLMechanism, s.SASLUsername, s.SASLPasswordFile = "SCRAM-SHA-512", user, w.password
		return s
	}
	for name, c := range map[string]struct {
		broker []kfake.Opt
		s      security.Settings
		hint   string
		first  bool // whether only the first look tells

		refused bool // see refuseLogins
	}{
		"wrong password, PLAIN":   {users, security.Settings{SASLMechanism: "PLAIN", SASLUsername: user, SASLPasswordFile: w.wrongPassword}, "reject the credentials", false, true},
		"wrong password, SCRAM":   {users, security.Settings{SASLMechanism: "SCRAM-SHA-512", SASLUsername: user, SASLPasswordFile: w.wrongPassword}, "reject the credentials", false, true},
		"unknown user":            {users, security.Settings{SASLMechanism: "SCRAM-SHA-512", SASLUsername: "cold", SASLPassword: wrong}, "reject the credentials", false, true},
		"unknown mechanism":       {users, security.Settings{TLS: false, SASLMechanism: "OAUTHBEARER", OAuthTokenURL: "http://localhost/", OAuthClientID: "x", OAuthClientSecret: wrong}, "--sasl-mechanism", true, false},
		"no login":                {users, security.Settings{}, "SCRAM-SHA-512", true, false},
		"another CA":              {[]kfake.Opt{w.tls(t, nil)}, security.Settings{TLS: true, TLSCA: w.otherCA}, "--tls-ca", false, false},
		"another name":            {[]kfake.Opt{w.tls(t, nil, "kafka.example")}, security.Settings{TLS: true, TLSCA: w.ca}, "--tls-server-name", false, false},
		"expired":                 {[]kfake.Opt{kfake.TLS(w.authority.IssueFor(-time.Minute).Server(t, nil))}, security.Settings{TLS: true, TLSCA: w.ca}, "renew the broker", false, false},
		"no client certificate":   {[]kfake.Opt{w.tls(t, w.authority)}, security.Settings{TLS: true, TLSCA: w.ca}, "--tls-cert", false, false},
		"a stranger's":            {[]kfake.Opt{w.tls(t, w.authority)}, security.Settings{TLS: true, TLSCA: w.ca, TLSCert: w.badCert, TLSKey: w.badKey}, "--tls-cert", false, false},
		"an expired one":          {[]kfake.Opt{w.tls(t, w.authority)}, security.Settings{TLS: true, TLSCA: w.ca, TLSCert: w.expiredCert, TLSKey: w.expiredKey}, "--tls-cert", false, false},
		"TLS without --tls":       {[]kfake.Opt{w.tls(t, nil)}, security.Settings{}, "add --tls", true, false},
		"mTLS without --tls":      {[]kfake.Opt{w.tls(t, w.authority)}, security.Settings{}, "add --tls", true, false},
		"SASL_SSL without either": {append(users, w.tls(t, nil)), scram(security.Settings{}), "add --tls", true, false},
		"--tls without TLS":       {nil, security.Settings{TLS: true, TLSCA: w.ca}, "remove --tls", true, false},
		"--tls, SASL without TLS": {users, scram(security.Settings{TLS: true, TLSCA: w.ca}), "remove --tls", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := w.brokers(t, c.broker...)
			if c.refused {
				refuseLogins(b)
			}
			cl := cluster(t, b.ListenAddrs(), c.s)
			began := time.Now()
			err := cl.Reach(t.Context())
			t.Log(time.Since(began).Round(time.Millisecond), err)
			p := failure.As(err)
			require.NotNil(t, p, "%v", err)
			assert.Contains(t, p.Hint, c.hint)
			assert.Less(t, time.Since(began), 8*time.Second, "before a handshake takes too long")
			if testing.Short() && strings.Contains(name, "without TLS") {
				return // sarama waits for the end of a handshake
			}
			began = time.Now()
			later := connectSarama(cl)
			t.Log(time.Since(began).Round(time.Millisecond), later)
			require.Error(t, later)
			assert.Nil(t, failure.As(later), "it may pass: %v", later)
			if !c.first {
				assert.Contains(t, later.Error(), c.hint)
			}
			for _, err := range []error{err, later} {
				assert.NotContains(t, err.Error(), wrong)
				assert.NotContains(t, err.Error(), password)
			}
		})
	}
}

// TestRenewedFilesNeedNoRestart: connections that follow use the new certificates and the new
// password, also where the authority is another one.
func TestRenewedFilesNeedNoRestart(t *testing.T) {
	dir := t.TempDir()
	var log bytes.Buffer
	authority := kafkatest.NewAuthority(t)
	server := func(a *kafkatest.Authority) *tls.Config { return a.Issue().Server(t, a) }
	write := func(a *kafkatest.Authority, password string) security.Settings {
		client := a.Issue("heat")
		return security.Settings{TLS: true, TLSCA: kafkatest.WriteFile(t, dir, "ca", a.PEM),
			TLSCert: kafkatest.WriteFile(t, dir, "cert", client.Chain), TLSKey: kafkatest.WriteFile(t, dir, "key", client.Key),
			SASLMechanism: "SCRAM-SHA-256", SASLUsername: user, SASLPasswordFile: kafkatest.WriteFile(t, dir, "password", []byte(password))}
	}
	start := func(a *kafkatest.Authority, password string, ports ...int) *kfake.Cluster {
		b, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.TLS(server(a)), kfake.EnableSASL(), kfake.User("SCRAM-SHA-256", user, password), kfake.Ports(ports...))
		require.NoError(t, err)
		t.Cleanup(b.Close)
		return b
	}
	b := start(authority, "old", 0)
	config, err := Settings{Brokers: b.ListenAddrs(), Security: write(authority, "old")}.Config("test", slog.New(slog.NewTextHandler(&log, nil)))
	require.NoError(t, err)
	c := New(config)
	t.Cleanup(c.Close)
	client, err := c.Client("test", kgo.RetryTimeout(10*time.Second))
	require.NoError(t, err)
	t.Cleanup(client.Close)
	require.NoError(t, client.Ping(t.Context()))
	require.NoError(t, connectSarama(c))

	// While the files are useless, what was read before is used.
	kafkatest.WriteFile(t, dir, "key", []byte("half of"))
	for range 2 {
		require.NoError(t, connectSarama(c))
	}
	assert.Equal(t, 1, bytes.Count(log.Bytes(), []byte("cannot reload")), &log)

	next := kafkatest.NewAuthority(t)
	port := b.ListenAddrs()[0]
	b.Close()
	start(next, "new", portOf(t, port))
	require.Error(t, connectSarama(c))
	write(next, "new")
	require.NoError(t, connectSarama(c))
	require.NoError(t, client.Ping(t.Context()))
}

func portOf(t *testing.T, address string) int {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	n, err := strconv.Atoi(port)
	require.NoError(t, err)
	return n
}

// TestALoginIsBounded: a broker that is silent during the login does not stop either client.
func TestALoginIsBounded(t *testing.T) {
	kafkatest.Long(t)
	w := newWorld(t)
	for name, connect := range map[string]func(*Cluster) error{
		"franz-go": func(c *Cluster) error { return c.Reach(t.Context()) },
		"sarama": func(c *Cluster) error {
			config := c.saramaConfig("test")
			config.Metadata.Retry.Max = 0
			assert.Equal(t, 30*time.Second, config.Net.ReadTimeout)
			config.Net.ReadTimeout = time.Second // it is what bounds the login
			_, err := sarama.NewClient(c.Brokers(), config)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := w.brokers(t, logins(), kfake.User("PLAIN", user, password))
			frozen := make(chan struct{})
			t.Cleanup(func() { close(frozen) })
			b.ControlKey(int16(kmsg.SASLAuthenticate), func(kmsg.Request) (kmsg.Response, error, bool) {
				b.SleepControl(func() { <-frozen })
				return nil, nil, false
			})
			began := time.Now()
			require.Error(t, connect(cluster(t, b.ListenAddrs(), security.Settings{SASLMechanism: "PLAIN", SASLUsername: user, SASLPassword: password})))
			assert.Less(t, time.Since(began), 25*time.Second)
			t.Log(time.Since(began))
		})
	}
}
