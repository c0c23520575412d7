package main

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"pageheat/codec"
	"pageheat/pipeline"
	"pageheat/web"
)

// status is what the instance knows of itself: the states of its roles, for
// /readyz, and its metrics.
type status struct {
	registry   *prometheus.Registry
	restarts   *prometheus.CounterVec
	up         *prometheus.GaugeVec
	behaviours prometheus.Counter
	refused    *prometheus.CounterVec

	conditions *pipeline.Conditions // what keeps roles that run from their work

	mu    sync.Mutex
	roles map[string]error // why a role does not run, nil if it does
}

func newStatus() *status {
	s := &status{
		registry: prometheus.NewRegistry(),
		restarts: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_role_restarts_total",
			Help: "Restarts of a role after an error."}, []string{"role"}),
		up: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "pageheat_role_up",
			Help: "1 while the role runs, 0 while it waits to be started again."}, []string{"role"}),
		behaviours: prometheus.NewCounter(prometheus.CounterOpts{Name: "pageheat_ingest_behaviours_total",
			Help: "Valid behaviours read from the input, again where they were read again."}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pageheat_ingest_dead_letters_total",
			Help: "Messages of the input that were refused and set aside, by reason."}, []string{"reason"}),
		conditions: pipeline.NewConditions(),
		roles:      make(map[string]error),
	}
	version, commit := buildVersion()
	build := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "pageheat_build_info",
		Help: "1, with what this program was built from as labels."}, []string{"version", "revision", "goversion"})
	build.WithLabelValues(version, commit, runtime.Version()).Set(1)
	// A counter that begins with its first event has no increase to show.
	for _, code := range codec.Codes() {
		s.refused.WithLabelValues(string(code))
	}
	s.registry.MustRegister(s.restarts, s.up, s.behaviours, s.refused, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return s
}

// expect has the metrics of a role begin before anything has happened.
func (s *status) expect(name string) {
	s.restarts.WithLabelValues(name)
	s.up.WithLabelValues(name)
}

// set records a role's state.
func (s *status) set(name string, state pipeline.RoleState, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	up := 0.0
	switch state {
	case pipeline.RoleRunning:
		up, s.roles[name] = 1, nil
	case pipeline.RoleWaiting:
		s.restarts.WithLabelValues(name).Inc()
		s.roles[name] = fmt.Errorf("it will be started again after an error: %w", err)
		if slices.Contains([]string{string(roleIngest), string(roleHeat), string(roleRank), pipeline.RoleEvents}, name) {
			s.conditions.Set(name, pipeline.AboutRestart, fmt.Errorf("it was started again after an error, and has no partitions yet: %w", err))
		}
	case pipeline.RoleEnded:
		s.roles[name] = fmt.Errorf("it has ended: %w", err)
	}
	s.up.WithLabelValues(name).Set(up)
}

// observe counts a bundle of input.
func (s *status) observe(valid int, refused []codec.Code) {
	s.behaviours.Add(float64(valid))
	for _, code := range refused {
		s.refused.WithLabelValues(string(code)).Inc()
	}
}

// checks are what /readyz asks of the roles.
func (s *status) checks(roles []role) []web.Check {
	var checks []web.Check
	for _, r := range roles {
		checks = append(checks, web.Check{Part: string(r), Ready: func() error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if err := s.roles[string(r)]; err != nil {
				return err
			}
			return s.conditions.Of(string(r))
		}})
	}
	return checks
}

// metrics answers /metrics.
func (s *status) metrics() http.Handler {
	return promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{Registry: s.registry})
}
