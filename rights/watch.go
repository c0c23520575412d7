package rights

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"pageheat/failure"
	"pageheat/kafka"
)

const (
	// watchInterval is how often the rights are looked up.
	watchInterval = time.Minute
	// watchTimeout bounds one look-up.
	watchTimeout = 30 * time.Second
)

// Watch looks whether the user of this process has the rights that it needs. It is safe for
// concurrent use.
type Watch struct {
	cluster *kafka.Cluster
	logger  *slog.Logger
	needs   []Need
	gauge   *prometheus.GaugeVec

	mu      sync.Mutex
	missing []Need // at the last look
}

// NewWatch returns a watch over needs.
func NewWatch(cluster *kafka.Cluster, logger *slog.Logger, needs []Need) *Watch {
	return &Watch{cluster: cluster, logger: logger, needs: needs,
		gauge: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "pageheat_missing_rights",
			Help: "1 for each optional right that this instance's user does not have, by operation, kind and name of the resource."},
			[]string{"operation", "resource", "name"})}
}

// Register registers the metric of the missing rights.
func (w *Watch) Register(r prometheus.Registerer) { r.MustRegister(w.gauge) }

// Check looks once. It returns a [failure.Permanent] that names all required rights that are
// missing. An optional one is logged when it begins to be missing, and when it is there again.
func (w *Watch) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, watchTimeout)
	defer cancel()
	rights := make([]kafka.Right, len(w.needs))
	for i, n := range w.needs {
		rights[i] = n.Right
	}
	lacking, err := w.cluster.Lacks(ctx, rights)
	if err != nil {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(w.needs), func(n Need) bool { return !slices.Contains(lacking, n.Right) })
	if required := Required(missing); len(required) > 0 {
		return refusal(required)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range missing {
		if !slices.Contains(w.missing, n) {
			w.logger.Warn("an optional right is missing: "+n.Without, "right", n.String(),
				"hint", failure.Rights)
		}
	}
	for _, n := range w.missing {
		if !slices.Contains(missing, n) {
			w.logger.Info("an optional right is no longer missing", "right", n.String())
		}
	}
	w.missing = missing
	w.gauge.Reset()
	for _, n := range missing {
		w.gauge.WithLabelValues(string(n.Operation), string(n.Resource), n.Name).Set(1)
	}
	return nil
}

// refusal is the error of required rights that are missing.
func refusal(required []Need) error {
	names := make([]string, len(required))
	for i, n := range required {
		names[i] = n.String()
	}
	return failure.New("grant them; "+failure.Rights,
		"pageheat's user lacks the rights %s", strings.Join(names, "; "))
}

// Missing reports whether a right was missing at the last look. A nil *Watch misses none.
func (w *Watch) Missing(right kafka.Right) bool {
	return w.misses(func(n Need) bool { return n.Right == right })
}

// Hidden reports whether a resource could not be read or described at the last look.
func (w *Watch) Hidden(resource kafka.Resource, name string) bool {
	return w.misses(func(n Need) bool {
		return n.Resource == resource && n.Name == name && (n.Operation == kafka.Read || n.Operation == kafka.Describe)
	})
}

func (w *Watch) misses(which func(Need) bool) bool {
	if w == nil {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.ContainsFunc(w.missing, which)
}

// Run looks again from time to time, until ctx ends, which is no error. Required rights that are
// taken meanwhile are reported where they are needed.
func (w *Watch) Run(ctx context.Context) error {
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
		if err := w.Check(ctx); err != nil && ctx.Err() == nil {
			w.logger.Debug("the rights of pageheat's user could not be looked up", "error", fmt.Errorf("checking rights: %w", err))
		}
	}
}
