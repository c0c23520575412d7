package main

import (
	"context"
	"runtime"
	"time"

	"pageheat/integration/scale"
)

// scaleCmd runs the stages at the size of a large cluster, in simulated time: see package scale.
type scaleCmd struct {
	Partitions []int         `default:"8,32,128,512" help:"Input partitions, and as many heat partitions, with an instance for eight (${default})."`
	Rate       int           `default:"500" help:"Behaviours a second and input partition (${default})."`
	Pages      int           `default:"100000" help:"Number of pages (${default})."`
	For        time.Duration `default:"3s" help:"Simulated time that behaviours come for (${default})."`
	Fetch      time.Duration `default:"200ms" help:"Simulated time between two fetches, each of which makes a range for each pair of partitions (${default})."`

	outputFlags
}

// Figures of a simulated run (in µs: what reads results turns ns into seconds): CPU time of a stage for one record, bytes of records, and what
// happened in simulated time.
const (
	combineUnit     = "combine-us/message"
	flushUnit       = "encode-us/range"
	applyUnit       = "apply-us/range"
	leadersUnit     = "select-us/leaders"
	hearUnit        = "read-us/leaders"
	boardUnit       = "board-us"
	planUnit        = "plan-ms"
	rangeBytesUnit  = "B/range"
	leaderBytesUnit = "B/leaders"
	boardBytesUnit  = "B/board"
	headerBytesUnit = "B/header"
)

// Run simulates every size.
func (c *scaleCmd) Run(ctx context.Context, o out) error {
	runtime.LockOSThread() // its CPU time is measured
	defer runtime.UnlockOSThread()
	results := &report{}
	for _, n := range c.Partitions {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := scale.Config{Inputs: n, Heat: n, Instances: max(n/8, 2), Pages: c.Pages, Rate: c.Rate * n, For: c.For,
			Fetch: c.Fetch, Rebalance: true, CPU: threadCPU}
		res := newRun("Scale", "pages", c.Pages, "instances", s.Instances, "n", n)
		r, err := scale.Run(s)
		if err != nil {
			res.fail("%v", err)
		}
		per := func(unit string, of scale.Stage, count int64, scaled time.Duration) {
			res.set(unit, float64(r.CPU[of])/float64(scaled)/float64(max(count, 1)))
		}
		per(combineUnit, scale.Combine, r.Behaviours, time.Microsecond)
		per(flushUnit, scale.Flush, r.Ranges, time.Microsecond)
		per(applyUnit, scale.Apply, r.Ranges, time.Microsecond)
		per(leadersUnit, scale.Leaders, r.Leaders, time.Microsecond)
		per(hearUnit, scale.Hear, r.Leaders, time.Microsecond)
		per(boardUnit, scale.Board, r.Boards, time.Microsecond)
		per("commit-us/record", scale.Commit, r.Records, time.Microsecond)
		per(planUnit, scale.Plan, r.Plans, time.Millisecond)
		mean := func(unit string, bytes, count int64) { res.set(unit, float64(bytes)/float64(max(count, 1))) }
		mean(rangeBytesUnit, r.RangeBytes, r.Ranges)
		mean(leaderBytesUnit, r.LeadersBytes, r.Leaders)
		mean(boardBytesUnit, r.BoardBytes, r.Boards)
		mean(headerBytesUnit, r.HeaderBytes, r.Boards)
		mean("B/changelog-record", r.RecordBytes, r.Records)
		res.set("B/progress", float64(r.LongestProgress))
		res.set("ranges", float64(r.Ranges))
		res.set("least-share-%", 100*r.LeastShare)
		res.set("most-share-%", 100*r.MostShare)
		res.set("rebalances", float64(r.Rebalances))
		res.set("rebalance-ms", float64(r.LongestRebalance.Milliseconds()))
		res.set("silence-ms", float64(r.LongestSilence.Milliseconds()))
		o.say("%s: %s behaviours, %s ranges%s", res.name, thousands(r.Behaviours), thousands(r.Ranges), verdict(res))
		results.add(res)
	}
	return c.finish(o, results)
}

// scalePanels are the cost of a record, their sizes, and the cores of a cluster, against partitions.
func scalePanels(all []*run) []panel {
	cost := panel{title: "CPU time of a record", x: "partitions", y: "µs",
		curves: []curve{{name: "read leaders"}, {name: "make leaders", colour: 1}, {name: "apply a range", colour: 2}, {name: "encode a range", colour: 2, dashed: true}}}
	size := panel{title: "bytes of a record", x: "partitions", y: "KiB",
		curves: []curve{{name: "board"}, {name: "its header", dashed: true}, {name: "leaders", colour: 1}, {name: "range", colour: 2}}}
	rank := panel{title: "ranking, 33 leaders/s of each", x: "partitions", y: "% of a core",
		curves: []curve{{name: "leaders and boards"}}}
	pairs := panel{title: "ranges, 33 rounds/s", x: "partitions", y: "cores of the cluster",
		curves: []curve{{name: "encode and apply", colour: 2}}}
	const kibi, rounds = 1024, 33
	for _, s := range all {
		if s.benchmark() != "Scale" {
			continue
		}
		tick, n := s.label("n"), float64(s.number("n"))
		cost.add(tick, s.get(hearUnit), s.get(leadersUnit), s.get(applyUnit), s.get(flushUnit))
		size.add(tick, s.get(boardBytesUnit)/kibi, s.get(headerBytesUnit)/kibi, s.get(leaderBytesUnit)/kibi, s.get(rangeBytesUnit)/kibi)
		rank.add(tick, 100*rounds*(n*s.get(hearUnit)+s.get(boardUnit))/1e6)
		pairs.add(tick, rounds*n*n*(s.get(flushUnit)+s.get(applyUnit))/1e6)
	}
	if len(cost.ticks) == 0 {
		return nil
	}
	return []panel{cost, size, pairs, rank}
}
