package kafka

import (
	"context"
	"fmt"
	"strings"
	"time"

	"pageheat/failure"
	"pageheat/kafka/dial"
)

// reachTimeout bounds the search for a broker that answers; each one before it may accept a
// connection and stay silent.
const reachTimeout = 10 * time.Second

// mismatchAfter is how long brokers may take for an answer before they are asked for TLS: one without
// it stays silent in a handshake, which may take longer elsewhere.
const mismatchAfter = 2 * time.Second

// Reach makes sure that a broker answers. Errors of certificates and credentials are permanent
// here, since nothing has worked yet.
func (c *Cluster) Reach(ctx context.Context) error {
	client, err := c.shared()
	if err != nil {
		return err
	}
	silent, limit := dial.AnswerTimeout, reachTimeout
	if c.config.Security.TLS() != nil {
		silent, limit = dial.HandshakeTimeout, reachTimeout+dial.HandshakeTimeout
	}
	within, cancel := context.WithTimeout(ctx, limit+time.Duration(len(c.config.Brokers)-1)*silent)
	defer cancel()
	early := c.lacksTLS(within, cancel)
	err = client.Ping(within)
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	cancel()
	hint := <-early
	if hint == "" {
		hint = connectionHint(err)
	}
	if hint == "" {
		hint = c.mismatch(ctx)
	}
	err = fmt.Errorf("no broker of %s answers (see --brokers): %w", strings.Join(c.config.Brokers, ","), err)
	if hint != "" {
		return &failure.Permanent{Err: err, Hint: hint + "; " + failure.ShowSettings}
	}
	return Explain(err)
}

// lacksTLS looks for a broker without TLS while nobody answers, and gives up the wait if there is one. It
// sends the hint, or none, before or soon after the end of ctx.
func (c *Cluster) lacksTLS(ctx context.Context, giveUp context.CancelFunc) <-chan string {
	hint := make(chan string, 1)
	go func() {
		select {
		case <-time.After(mismatchAfter):
		case <-ctx.Done():
		}
		if c.config.Security.TLS() == nil || ctx.Err() != nil {
			hint <- ""
			return
		}
		for _, broker := range c.config.Brokers {
			if probe(ctx, plain, broker, answers) == nil {
				giveUp()
				hint <- removeTLS(broker)
				return
			}
		}
		hint <- ""
	}()
	return hint
}
