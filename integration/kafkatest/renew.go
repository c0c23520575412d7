package kafkatest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Passwords and certificates of a secured cluster are renewed as operators do it. Brokers read
// their files when they start and on Reload; open connections stay.

// SetPassword replaces the password of all SCRAM users in Kafka.
func (c *Cluster) SetPassword(ctx context.Context, password string) error {
	s := c.secured
	s.mu.Lock()
	defer s.mu.Unlock()
	s.password = password
	for name := range s.users[SCRAM] {
		if err := c.setPassword(ctx, name, password); err != nil {
			return err
		}
	}
	return nil
}

// WritePassword replaces the password in the users' file.
func (c *Cluster) WritePassword(password string) error {
	_, err := writeFile(c.secured.dir, "password", []byte(password))
	return err
}

// TrustNext makes another authority, which is trusted from now on, besides the last one.
func (c *Cluster) TrustNext() error {
	s := c.secured
	s.mu.Lock()
	defer s.mu.Unlock()
	next, err := newAuthority(validFor)
	if err != nil {
		return err
	}
	s.next = next
	_, err = writeFile(s.dir, "ca.pem", slices.Concat(s.authority.PEM, next.PEM))
	return err
}

// IssueNext replaces the certificates and keys of brokers and users by those of the next
// authority.
func (c *Cluster) IssueNext() error {
	s := c.secured
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil {
		return errors.New("kafkatest: TrustNext has not been called")
	}
	last := s.authority
	s.authority, s.next = s.next, nil
	return s.write(last.PEM, s.authority.PEM)
}

// DistrustLast ends the trust in all authorities but the newest.
func (c *Cluster) DistrustLast() error {
	s := c.secured
	s.mu.Lock()
	defer s.mu.Unlock()
	_, err := writeFile(s.dir, "ca.pem", s.authority.PEM)
	return err
}

// Reload has running brokers read their certificates and trusted authorities again.
func (c *Cluster) Reload(ctx context.Context) error {
	var changes []kadm.AlterConfig
	for _, kind := range c.security {
		prefix := "listener.name." + string(kind) + "."
		changes = append(changes, kadm.AlterConfig{Name: prefix + "ssl.keystore.location", Value: new(c.secured.file("server.pem"))})
		if kind == MutualTLS {
			changes = append(changes, kadm.AlterConfig{Name: prefix + "ssl.truststore.location", Value: new(c.secured.file("ca.pem"))})
		}
	}
	return c.asSuperUser(func(cl *kgo.Client) error {
		for _, n := range c.nodes {
			answers, err := kadm.NewClient(cl).AlterBrokerConfigs(ctx, changes, int32(n.index))
			if err == nil {
				_, err = answers.On(strconv.Itoa(n.index), func(r *kadm.AlterConfigsResponse) error { return r.Err })
			}
			if err != nil {
				return fmt.Errorf("kafkatest: having broker %d read its certificates: %w", n.index, err)
			}
		}
		return nil
	})
}
