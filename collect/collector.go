package collect

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pageheat/heat"
)

// ErrBusy is the error of a [Writer] that took nothing because too much waits for Kafka
// already.
var ErrBusy = errors.New("too much waits for Kafka")

// Writer puts messages into the input topic. [Kafka] is one.
type Writer interface {
	// Write returns nil once Kafka keeps all messages. ErrBusy says that none was
	// taken; after any other error, that of ctx among them, some may get into
	// the topic. It is called from many goroutines, and does not keep the
	// messages once it has returned nil or ErrBusy.
	Write(ctx context.Context, messages [][]byte) error
}

// Config configures which behaviours are valid and where they go. [Settings.Config]
// checks the ranges.
type Config struct {
	// Writer gets what is valid.
	Writer Writer
	// Limits are those of a behaviour.
	Limits heat.Limits
	// AllowPages, if not nil, must match a page's name; see PagePattern.
	AllowPages *regexp.Regexp
	// MaxPageBytes is the longest name of a page, 1 to codec.MaxPageBytes.
	MaxPageBytes int
	// Timeout is how long Kafka may take for one batch; above 0.
	Timeout time.Duration
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
	// Logger gets messages for operators; nil for none.
	Logger *slog.Logger
}

// Collector validates behaviours and writes the valid ones. It is safe for
// concurrent use.
type Collector struct {
	cfg     Config
	metrics *metrics
	trouble trouble
}

// New returns a collector.
func New(cfg Config) *Collector {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Collector{cfg: cfg, metrics: newMetrics(cfg.Registerer)}
}

// Ready returns nil, or why behaviours could not be written a moment ago.
func (c *Collector) Ready() error { return c.trouble.now() }

// Keep counts a batch and returns nil once Kafka keeps what is valid of it. An error
// says that some of it may not be kept, and may come to the topic all the same: callers that
// sent it has to send it again. Keep waits for Kafka even if ctx is done, since a
// visitor who leaves a page does not wait for the answer.
func (c *Collector) Keep(ctx context.Context, batch *Batch) error {
	for reason, n := range batch.reasons {
		c.metrics.refused.WithLabelValues(reason).Add(float64(n))
	}
	if len(batch.valid) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.cfg.Timeout)
	defer cancel()
	began := time.Now()
	err := c.cfg.Writer.Write(ctx, batch.valid)
	if c.trouble.note(err) {
		c.cfg.Logger.Error("writing behaviours to Kafka failed; senders are told to retry", "error", err)
	}
	if err != nil {
		return err
	}
	c.metrics.seconds.Observe(time.Since(began).Seconds())
	c.metrics.behaviours.Add(float64(len(batch.valid)))
	return nil
}
