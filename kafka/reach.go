package kafka

import (
	"context"
	"fmt"
	"strings"
	"time"

	"pageheat/kafka/dial"
)

// reachTimeout bounds the search for a broker that answers; each one before it may accept a
// connection and stay silent.
const reachTimeout = 10 * time.Second

// Reach makes sure that a broker answers.
func (c *Cluster) Reach(ctx context.Context) error {
	client, err := c.shared()
	if err != nil {
		return err
	}
	within, cancel := context.WithTimeout(ctx, reachTimeout+time.Duration(len(c.config.Brokers)-1)*dial.AnswerTimeout)
	defer cancel()
	if err := client.Ping(within); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return Explain(fmt.Errorf("no broker of %s answers (see --brokers): %w", strings.Join(c.config.Brokers, ","), err))
	}
	return nil
}
