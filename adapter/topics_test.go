package adapter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/kafka"
)

// TestRangesThatCanNotBeDeletedAreSaidOnce: their topic grows without end.
func TestRangesThatCanNotBeDeletedAreSaidOnce(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		fails int
		warns int
	}{
		"a right is missing":   {err: kafka.Explain(fmt.Errorf("deleting: %w", kerr.TopicAuthorizationFailed)), fails: 20, warns: 1},
		"a policy is in force": {err: kafka.Explain(errors.Join(kerr.PolicyViolation)), fails: 20, warns: 1},
		"it is not supported":  {err: io.EOF, fails: 20, warns: 1},
		"a broker went away":   {err: io.EOF, fails: trimsInVain - 1},
		"the role ends":        {err: context.Canceled, fails: 20},
	} {
		t.Run(name, func(t *testing.T) {
			var log strings.Builder
			tp := &topics{logger: slog.New(slog.NewTextHandler(&log, nil)), metrics: NewMetrics(prometheus.NewRegistry())}
			for range 2 {
				for range c.fails {
					tp.trimmed("topic", 0, c.err)
				}
				tp.trimmed("topic", 0, nil)
			}
			assert.Equal(t, 2*c.warns, strings.Count(log.String(), "WARN"), "%s", &log)
			assert.Equal(t, 2*c.warns, strings.Count(log.String(), "deleted again"), "%s", &log)
			counted := testutil.ToFloat64(tp.metrics.trims.WithLabelValues("topic"))
			if errors.Is(c.err, context.Canceled) {
				require.Zero(t, counted)
			} else {
				require.InDelta(t, 2*c.fails, counted, 0)
			}
		})
	}
}
