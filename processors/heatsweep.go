package processors

import "time"

// sweep drops the pages that were found to have had no behaviour for [HeatStart].ForgetAfter, with a commit of its own
// that says no more than that they are dropped. Until it is done, no leaders are sent, as where pages are forgotten, and
// until all of the pages are removed from memory: a board is without them all, or with them all. What the table still
// has of them is removed by later commits.
func (s *HeatStage) sweep(now time.Time) error {
	if s.checkpoint != nil && s.partition.Found() {
		s.pace.spread = 0 // the sweep waits for the commit under way
	}
	if !s.sweepDue() {
		return nil
	}
	if err := s.partition.Sweep(now); err != nil {
		return err
	}
	s.passing, s.held, s.forgetting = true, true, true
	s.begin(now)
	return nil
}

// sweepDue reports whether pages are to be dropped now, which waits for boards that turn.
func (s *HeatStage) sweepDue() bool {
	return !s.ending && !s.turning && s.checkpoint == nil && s.partition.Found()
}

// sweepEvery is the time between two looks at whether the day has turned.
const sweepEvery = time.Second

// pass goes on with looking for pages to drop, which happens once a day, or with
// removing those that are dropped: in pieces, between which ranges are applied.
func (s *HeatStage) pass(now time.Time) error {
	if !s.passing && s.start.ForgetAfter > 0 && !s.ending && !now.Before(s.sweeps) {
		s.sweeps = now.Add(sweepEvery)
		s.passing = s.partition.SeekSweep(now, s.start.ForgetAfter) && !s.partition.Found()
	}
	if !s.passes(now) || s.rangesWait() {
		return nil
	}
	s.ranges, s.asked = 0, 0
	if !s.partition.Ahead() {
		s.ahead = now
	}
	changed, more, err := s.partition.PassOn()
	if err != nil {
		return err
	}
	s.passing, s.held = more, s.held && more
	if changed && !s.stale {
		s.stale, s.changed = true, now
	}
	return nil
}

// passes reports whether a pass may go on. It waits for boards that turn, which wait for the one that removes pages, and
// where it would make a commit too large.
func (s *HeatStage) passes(now time.Time) bool {
	return s.passing && !s.ending && !s.turning && !s.partition.Full() && !s.large(now)
}
