package pipeline

import (
	"context"
	"slices"
	"strings"
	"time"

	"pageheat/failure"
	"pageheat/kafka"
)

// wantedFeature is something that brokers may not support.
type wantedFeature struct {
	feature kafka.Feature
	roles   []string // that use it
	without string   // what is lost; empty if the roles cannot work
	wanted  bool     // in this process
}

// wantedFeatures are the features that roles use.
func (s Settings) wantedFeatures() []wantedFeature {
	const always = true
	return []wantedFeature{
		{kafka.CommittedReads, []string{"ingest", "heat", "rank", "serve"}, "", always},
		{kafka.IdempotentProducers, []string{"ingest", "heat", "rank", "collect"}, "", always},
		{kafka.Transactions, []string{"heat", "rank"}, "", always},
		{kafka.StaticMembership, []string{"ingest", "heat", "rank"}, "", s.Member.InstanceID != ""},
		{kafka.TopicIDs, []string{"ingest", "heat", "rank"}, "a topic that is deleted and recreated is not noticed, and messages at offsets that were counted before are skipped: stop pageheat before you replace a topic", always},
		{kafka.RecordDeletion, []string{"heat"}, "what was applied is not deleted, and " + s.Topology.Behavior + " grows: set its retention.ms to longer than any backlog", always},
		{kafka.NearReplicas, []string{"ingest", "heat", "rank", "serve"}, "leaders are read, whatever --rack says", s.Cluster.Rack() != ""},
	}
}

// probeTimeout bounds a probe.
const probeTimeout = 10 * time.Second

// Probe looks whether the brokers support what the roles of this process use, before any role
// begins. It logs what is lost without an optional feature, and returns those that are not
// supported. The error is a failure.Permanent that names required features that are not supported;
// what could not be looked up is no error.
func (s Settings) Probe(ctx context.Context, has func(role string) bool) ([]kafka.Feature, error) {
	wanted := slices.DeleteFunc(s.wantedFeatures(), func(w wantedFeature) bool { return !w.wanted || !slices.ContainsFunc(w.roles, has) })
	features := make([]kafka.Feature, len(wanted))
	for i, w := range wanted {
		features[i] = w.feature
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	lacking, err := s.Cluster.Unsupported(ctx, features...)
	if err != nil {
		s.Logger.Debug("the features of the brokers could not be looked up", "error", err)
		return nil, nil
	}
	var required []string
	for _, w := range wanted {
		if w.without == "" && slices.Contains(lacking, w.feature) {
			required = append(required, string(w.feature))
		}
	}
	if len(required) > 0 {
		return nil, failure.New("pageheat needs Apache Kafka 2.8 or later, or a service that supports the same; "+failure.Settings,
			"the brokers do not support %s", strings.Join(required, ", "))
	}
	for _, w := range wanted {
		if slices.Contains(lacking, w.feature) {
			s.Logger.Warn("the brokers do not support "+string(w.feature)+": "+w.without, "feature", string(w.feature),
				"roles", slices.DeleteFunc(slices.Clone(w.roles), func(role string) bool { return !has(role) }))
			s.Metrics.unsupported.WithLabelValues(string(w.feature)).Set(1)
		}
	}
	return lacking, nil
}
