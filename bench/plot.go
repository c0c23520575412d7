package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// plotCmd draws curves from results.
type plotCmd struct {
	Results string `arg:"" placeholder:"FILE.json" help:"What --json has written: of growth or of latency."`
	SVG     string `arg:"" placeholder:"FILE.svg" help:"Where to draw it."`
}

// Run draws what the results hold: growth, or latency.
func (c *plotCmd) Run() error {
	r, err := readReport(c.Results)
	if err != nil {
		return err
	}
	var panels []panel
	switch {
	case len(r.Growth) > 0 && len(r.Latency) > 0:
		return fmt.Errorf("%s holds results of growth and of latency: write each to a file of its own", c.Results)
	case len(r.Growth) > 0:
		panels = growthPanels(growthMedians(r.Growth))
	case len(r.Latency) > 0:
		panels = latencyPanels(latencyMedians(r.Latency))
	default:
		return fmt.Errorf("%s holds results neither of growth nor of latency: there are no curves to draw", c.Results)
	}
	return drawSVG(c.SVG, panels)
}

// panel is one diagram of several beside each other. Its points on the x axis have
// the same distance, whatever their values.
type panel struct {
	title, x, y string
	ticks       []string
	curves      []curve
}

// curve has a value for each tick, 0 where nothing was measured. Curves with the
// same colour belong together.
type curve struct {
	name   string
	colour int
	dashed bool
	values []float64
}

// growthPanels are one panel for each thing that grows.
func growthPanels(all []*growthResult) []panel {
	const million = 1e6
	var panels []panel
	for i, g := range all {
		if i == 0 || g.What != all[i-1].What {
			panels = append(panels, panel{title: "against " + g.What, x: g.What, y: "million messages/s",
				curves: []curve{{name: "pageheat"}, {name: "bare consumer", colour: 1, dashed: true}}})
		}
		p := &panels[len(panels)-1]
		p.ticks = append(p.ticks, strconv.Itoa(g.N))
		p.curves[0].values = append(p.curves[0].values, g.Rate/million)
		p.curves[1].values = append(p.curves[1].values, g.Ceiling/million)
	}
	return panels
}

// latencyPanels are one panel for each broker and rate, against the linger.
func latencyPanels(all []*latencyResult) []panel {
	var panels []panel
	for _, l := range slices.SortedStableFunc(slices.Values(all), compareLatency) {
		title := fmt.Sprintf("%s, %s messages/s", l.Broker, thousands(int64(l.Rate)))
		if len(panels) == 0 || panels[len(panels)-1].title != title {
			panels = append(panels, panel{title: title, x: "--linger", y: "ms until on the board",
				curves: []curve{{name: "p99", colour: 1}, {name: "p50"},
					{name: "bare p99", colour: 1, dashed: true}, {name: "bare p50", dashed: true}}})
		}
		p := &panels[len(panels)-1]
		p.ticks = append(p.ticks, l.Linger)
		for i, figure := range []float64{l.Board.P99, l.Board.P50, l.Bare.P99, l.Bare.P50} {
			p.curves[i].values = append(p.curves[i].values, figure)
		}
	}
	return panels
}

// compareLatency puts results in the order of panels and ticks.
func compareLatency(a, b *latencyResult) int {
	return cmp.Or(cmp.Compare(a.Rate, b.Rate), cmp.Compare(a.Broker, b.Broker), cmp.Compare(lingerOf(a), lingerOf(b)))
}

// lingerOf is 0 for what is no duration, which bench does not write.
func lingerOf(l *latencyResult) time.Duration {
	d, err := time.ParseDuration(l.Linger)
	if err != nil {
		return 0
	}
	return d
}
