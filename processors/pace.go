package processors

import "time"

// smallBurst is the number of records that are written between ranges, unless there is a backlog.
const smallBurst = 64

// pace spreads the records of a checkpoint over time, and shares the time between them and ranges:
// records are written in bursts, and ranges let in after each.
type pace struct {
	spread time.Duration // over which the records are spread, if input comes
	paused time.Duration // waited so far, for that

	began  time.Time // of the last burst
	ended  time.Time // of it; zero while it is written
	due    time.Time // when the next was due
	until  time.Time // when it may begin
	came   bool      // a range came since that was last asked
	ranges time.Time // until when more may come; zero before the first after a burst
}

// burst is called before the first record of a burst.
func (p *pace) burst(now time.Time) {
	if !p.ended.IsZero() {
		p.paused += max(p.due.Sub(p.ended), 0)
	}
	p.began, p.ended, p.came, p.ranges = now, time.Time{}, false, time.Time{}
}

// rangeCame is called before a range is applied. Those that wait together get as much time as the burst before took.
func (p *pace) rangeCame(now time.Time) {
	if p.ended.IsZero() {
		return
	}
	if p.came = true; p.ranges.IsZero() {
		p.ranges = now.Add(p.ended.Sub(p.began))
	}
}

// over is called when a burst is written, and reports whether the next one may begin, which is planned at a time.
// If not, ranges are to be let in until the time until, at least those that wait already.
func (p *pace) over(now, planned time.Time) bool {
	if p.ended.IsZero() {
		p.ended, p.due, p.until = now, planned, later(now, planned)
		return false
	}
	p.due, p.until = earlier(p.due, planned), planned
	if now.Before(planned) {
		return false
	}
	if p.came && now.Before(p.ranges) {
		p.came, p.until = false, now
		return false
	}
	return true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// burstSize is the number of records that are written between ranges: few while ranges are small.
func (s *HeatStage) burstSize() int {
	if s.behind {
		return s.start.Bounds.Burst
	}
	return min(s.start.Bounds.Burst, smallBurst)
}

// spread is the time over which a checkpoint of a number of pages is written.
func (s *HeatStage) spread(pages int) time.Duration {
	expected := s.perPage
	if expected == 0 {
		expected = firstPageTime
	}
	most := min(time.Duration(spreadShare*float64(s.start.CommitEvery)), s.start.Transaction/spreadLimit)
	return min(spreadFactor*expected*time.Duration(pages), most).Truncate(time.Millisecond)
}

// planned is when the next burst of the open checkpoint is due. Nothing is gained by waiting if there is no input, and
// nothing may wait if there is a backlog or the next checkpoint would be too large.
func (s *HeatStage) planned(now time.Time) time.Time {
	if s.ending || s.behind || now.Sub(s.latest) >= quietTime || s.partition.Crowded() || s.large(now) {
		return now
	}
	size := s.checkpoint.Size()
	handed := min(size+1-s.checkpoint.Len(), size)
	return s.began.Add(time.Duration(float64(s.pace.spread) * float64(handed) / float64(max(size, 1))))
}
