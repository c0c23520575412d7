package dial

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/kafkatest"
)

const soon = 200 * time.Millisecond

func open(t *testing.T, address string) net.Conn {
	t.Helper()
	c, err := newDialer(time.Second, soon, soon).Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestFirstAnswerIsDue(t *testing.T) {
	address := kafkatest.Listen(t, kafkatest.Silent)
	for name, deadline := range map[string]time.Time{"no deadline": {}, "a late deadline": time.Now().Add(time.Hour)} {
		t.Run(name, func(t *testing.T) {
			c := open(t, address)
			require.NoError(t, c.SetDeadline(deadline))
			_, err := c.Write([]byte("hello"))
			require.NoError(t, err)
			require.NoError(t, c.SetReadDeadline(deadline))
			_, err = c.Read(make([]byte, 1))
			var silence *SilentError
			require.ErrorAs(t, err, &silence)
			assert.Equal(t, address, silence.Broker)
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			var timeout net.Error
			require.True(t, errors.As(err, &timeout) && timeout.Timeout())
		})
	}
}

// A read that has begun before the first request is bounded as well.
func TestReadBeforeTheFirstRequest(t *testing.T) {
	c := open(t, kafkatest.Listen(t, kafkatest.Silent))
	read := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		read <- err
	}()
	_, err := c.Write([]byte("hello"))
	require.NoError(t, err)
	select {
	case err := <-read:
		var silence *SilentError
		require.ErrorAs(t, err, &silence)
	case <-time.After(10 * time.Second):
		t.Fatal("the read has no end")
	}
}

// After the first answer the client's deadlines alone count.
func TestLaterAnswersMayTakeLonger(t *testing.T) {
	c := open(t, kafkatest.Listen(t, func(c net.Conn) {
		b := make([]byte, 1)
		_, _ = c.Read(b)
		_, _ = c.Write(b)
		_, _ = c.Read(b)
		time.Sleep(2 * soon)
		_, _ = c.Write(b)
	}))
	b := make([]byte, 1)
	for range 2 {
		_, err := c.Write([]byte("x"))
		require.NoError(t, err)
		_, err = c.Read(b)
		require.NoError(t, err)
	}
	require.NoError(t, c.SetReadDeadline(time.Now().Add(-time.Second)))
	_, err := c.Read(b)
	var silence *SilentError
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NotErrorAs(t, err, &silence, "the client's own deadline has passed")
}

// A silent broker is passed over for a moment, then tried again.
func TestSilenceIsRemembered(t *testing.T) {
	address := kafkatest.Listen(t, kafkatest.Silent)
	d := newDialer(time.Second, soon, soon)
	c, err := d.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	_, err = c.Write([]byte("hello"))
	require.NoError(t, err)
	_, err = c.Read(make([]byte, 1))
	require.Error(t, err)
	_, err = d.Dial("tcp", address)
	var silence *SilentError
	require.ErrorAs(t, err, &silence)
	require.Eventually(t, func() bool {
		c, err := d.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	}, 10*time.Second, soon/10)
}

func TestWithoutADialerClientsConnectThemselves(t *testing.T) {
	var none *Dialer
	assert.Empty(t, none.Options())
	config := sarama.NewConfig()
	none.Sarama(config)
	assert.False(t, config.Net.Proxy.Enable)
}

// TestBothClientsGoOn: a broker that takes connections and stays silent costs seconds,
// whichever client is used and in whichever order it tries the brokers.
func TestBothClientsGoOn(t *testing.T) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1))
	require.NoError(t, err)
	t.Cleanup(broker.Close)
	brokers := []string{kafkatest.Listen(t, kafkatest.Silent), broker.ListenAddrs()[0]}
	const within = AnswerTimeout + 2*time.Second

	t.Run("franz-go", func(t *testing.T) {
		t.Parallel()
		client, err := kgo.NewClient(append(New(nil).Options(), kgo.SeedBrokers(brokers...))...)
		require.NoError(t, err)
		t.Cleanup(client.Close)
		began := time.Now()
		require.NoError(t, client.Ping(t.Context()))
		assert.Less(t, time.Since(began), within)
	})
	t.Run("sarama", func(t *testing.T) {
		t.Parallel()
		config := sarama.NewConfig()
		New(nil).Sarama(config)
		began := time.Now()
		client, err := sarama.NewClient(brokers, config)
		require.NoError(t, err)
		t.Cleanup(func() { client.Close() })
		assert.Less(t, time.Since(began), within)
	})
}

// TestATLSHandshakeIsBounded: a broker that takes the connection, and one that completes the
// handshake, have a bounded time for their next word.
func TestATLSHandshakeIsBounded(t *testing.T) {
	authority := kafkatest.NewAuthority(t)
	server := authority.Issue().Server(t, nil)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority.PEM)
	secured := func(address string) (net.Conn, error) {
		d := newDialer(time.Second, soon, soon)
		d.handshake = soon
		d.secure = func() (*tls.Config, error) { return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13}, nil }
		return d.Dial("tcp", address)
	}
	_, err := secured(kafkatest.Listen(t, kafkatest.Silent))
	var silence *SilentError
	require.ErrorAs(t, err, &silence)

	_, err = secured(kafkatest.Listen(t, func(c net.Conn) { c.Close() }))
	var failed *HandshakeError
	require.ErrorAs(t, err, &failed)
	assert.True(t, failed.Temporary())

	c, err := secured(kafkatest.Listen(t, func(c net.Conn) { kafkatest.Silent(tls.Server(c, server)) }))
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	_, err = c.Write([]byte("hello"))
	require.NoError(t, err)
	_, err = c.Read(make([]byte, 1))
	require.ErrorAs(t, err, &silence)
}
