package collect

import (
	"context"
	"errors"
	"log/slog"
	"regexp"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pageheat/failure"
	"pageheat/heat"
	"pageheat/pagename"
	"pageheat/tracing"
)

// ErrBusy is the error of a [Writer] that accepted nothing because too many messages wait for
// Kafka.
var ErrBusy = errors.New("too many messages wait for Kafka")

// Writer writes messages to the input topic. [Kafka] implements it.
type Writer interface {
	// Write returns nil when Kafka has acknowledged all messages. ErrBusy means that none was
	// accepted. After any other error, including that of ctx, some may reach the topic. It is
	// called from many goroutines. It does not retain the messages after it has returned nil or
	// ErrBusy.
	Write(ctx context.Context, messages [][]byte) error
}

// Config configures which behaviours are valid and where they go. [Settings.Config]
// checks the ranges.
type Config struct {
	// Writer gets the valid behaviours.
	Writer Writer
	// Limits are the maximum values of a behaviour.
	Limits heat.Limits
	// PageNames are the rules that names are changed by, before all else is checked; nil for
	// none.
	PageNames *pagename.Rules
	// AllowPages, if not nil, must match a page's name; see PagePattern.
	AllowPages *regexp.Regexp
	// MaxPageBytes is the longest name of a page, 1 to codec.MaxPageBytes.
	MaxPageBytes int
	// Timeout is the time limit for Kafka to acknowledge a batch.
	Timeout time.Duration
	// Registerer gets the metrics; nil for none.
	Registerer prometheus.Registerer
	// Tracer follows batches whose context has a parent; nil follows none.
	Tracer *tracing.Tracer
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

// Ready returns nil, or the reason why behaviours could not be written a moment ago.
func (c *Collector) Ready() error { return c.trouble.now() }

// Keep counts a batch and returns nil when Kafka has acknowledged its valid behaviours. After
// an error some of them may be missing and others may still reach the topic, so the sender has
// to send the batch again. Keep waits for Kafka even if ctx is done, because a visitor who
// leaves a page does not wait for the answer.
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
	span := c.cfg.Tracer.Start(tracing.ParentOf(ctx), "collect", began)
	defer span.End()
	ctx = tracing.WithParent(ctx, span.Parent())
	err := c.cfg.Writer.Write(ctx, batch.valid)
	if c.trouble.note(err) {
		c.cfg.Logger.Error("writing behaviours to Kafka failed; senders are told to retry", failure.Attrs(err)...)
	}
	if err != nil {
		return err
	}
	c.metrics.seconds.Observe(time.Since(began).Seconds())
	c.metrics.behaviours.Add(float64(len(batch.valid)))
	return nil
}
