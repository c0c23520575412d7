package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// plotCmd draws curves from results.
type plotCmd struct {
	Results string `arg:"" placeholder:"FILE" help:"What --out has written: of growth, of latency or of scale."`
	SVG     string `arg:"" placeholder:"FILE.svg" help:"Where to draw it."`
}

// Run draws what the results hold: growth, latency or scale.
func (c *plotCmd) Run() error {
	r, err := readReport(c.Results)
	if err != nil {
		return err
	}
	medians := r.medians()
	var drawn [][]panel
	for _, panels := range [][]panel{growthPanels(medians), latencyPanels(medians), scalePanels(medians)} {
		if len(panels) > 0 {
			drawn = append(drawn, panels)
		}
	}
	switch len(drawn) {
	case 0:
		return fmt.Errorf("%s holds results neither of growth nor of latency nor of scale: there are no curves to draw", c.Results)
	case 1:
		return drawSVG(c.SVG, drawn[0])
	default:
		return fmt.Errorf("%s holds results of several benchmarks: write each to a file of its own", c.Results)
	}
}

// panel is one of several diagrams side by side. The ticks on its x axis are equidistant,
// whatever their values.
type panel struct {
	title, x, y string
	ticks       []string
	curves      []curve
}

// curve has a value for each tick, 0 if it was not measured. Curves of the same colour belong
// together.
type curve struct {
	name   string
	colour int
	dashed bool
	values []float64
}

// growthPanels returns a panel for each quantity that grows.
func growthPanels(all []*run) []panel {
	const million = 1e6
	var panels []panel
	for _, g := range all {
		if g.benchmark() != "Growth" {
			continue
		}
		what := strings.ReplaceAll(g.label("against"), "-", " ")
		if len(panels) == 0 || panels[len(panels)-1].x != what {
			panels = append(panels, panel{title: "against " + what, x: what, y: "million messages/s",
				curves: []curve{{name: "pageheat"}, {name: "bare consumer", colour: 1, dashed: true}}})
		}
		panels[len(panels)-1].add(g.label("n"), g.get(rateUnit)/million, g.get(ceilingUnit)/million)
	}
	return panels
}

// latencyPanels returns a panel for each broker and rate, with the linger on the x axis.
func latencyPanels(all []*run) []panel {
	all = slices.DeleteFunc(slices.Clone(all), func(l *run) bool { return l.benchmark() != "Latency" })
	linger := func(l *run) time.Duration {
		d, _ := time.ParseDuration(l.label("linger")) // always valid
		return d
	}
	slices.SortStableFunc(all, func(a, b *run) int {
		return cmp.Or(cmp.Compare(a.number("rate"), b.number("rate")), cmp.Compare(a.label("broker"), b.label("broker")), cmp.Compare(linger(a), linger(b)))
	})
	var panels []panel
	for _, l := range all {
		title := fmt.Sprintf("%s, %s messages/s", l.label("broker"), thousands(int64(l.number("rate"))))
		if len(panels) == 0 || panels[len(panels)-1].title != title {
			panels = append(panels, panel{title: title, x: "--linger", y: "ms until on the board",
				curves: []curve{{name: "p99", colour: 1}, {name: "p50"},
					{name: "bare p99", colour: 1, dashed: true}, {name: "bare p50", dashed: true}}})
		}
		panels[len(panels)-1].add(l.label("linger"), l.get("p99-ms"), l.get("p50-ms"), l.get("bare-p99-ms"), l.get("bare-p50-ms"))
	}
	return panels
}

// add adds a tick, with a value for each curve.
func (p *panel) add(tick string, values ...float64) {
	p.ticks = append(p.ticks, tick)
	for i, v := range values {
		p.curves[i].values = append(p.curves[i].values, v)
	}
}
