package pipeline

import (
	"context"
	"time"

	"pageheat/failure"
)

// ownedEvery is how often the output is looked at while it belongs to another prefix.
const ownedEvery = time.Second

// AwaitSwitch waits until the newest board in the output is of this deployment's group: `pageheat switch`
// hands it over. What cannot be looked up is looked up again. The error is permanent, or that of ctx.
func AwaitSwitch(ctx context.Context, s Settings, board string) error {
	t := newTopics(s)
	defer t.close()
	r := NewRanking(RankingConfig{Settings: s, Board: board}, "")
	r.topics = t
	again := time.NewTicker(ownedEvery)
	defer again.Stop()
	for said := false; ; {
		found, _, err := r.newest(ctx)
		switch newest := found[board]; {
		case failure.As(err) != nil:
			return err
		case err != nil:
			s.Logger.Debug("looking who publishes to the output", "topic", s.Topology.Output, "error", err)
		case newest != nil && newest.Foreign == "":
			s.Logger.Info("the output belongs to this prefix", "topic", s.Topology.Output)
			return nil
		case !said:
			said = true
			by := "nobody yet"
			if newest != nil {
				by = "the group " + newest.Foreign
			}
			s.Logger.Info("waiting for `pageheat switch` to hand over the output", "topic", s.Topology.Output, "published_by", by)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
