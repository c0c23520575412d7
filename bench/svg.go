package main

import (
	"bytes"
	"fmt"
	"image/color"
	"os"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// ink is the colour of text and axes on a light page. Nothing else has it, so style can replace it
// on a dark page.
func ink() color.RGBA { return color.RGBA{R: 0x1f, G: 0x23, B: 0x28, A: 0xff} }

// style makes the drawing readable on light and dark pages, in the font of the page. The library
// writes colours into each element, which only !important overrides.
const style = `<style>
text { font-family: -apple-system, "Segoe UI", "Liberation Sans", Arial, sans-serif !important }
@media (prefers-color-scheme: dark) {
  [style*="fill:#1F2328"] { fill: #d1d7e0 !important }
  [style*="stroke:#1F2328"] { stroke: #d1d7e0 !important }
}
</style>
`

// curveColour returns a colour that everybody can tell from the others, with enough contrast to
// white and to black (Okabe and Ito's colours, darker).
func curveColour(n int) color.RGBA {
	all := []color.RGBA{{R: 0xd5, G: 0x5e, A: 0xff}, {G: 0x7f, B: 0xc4, A: 0xff}, {G: 0x9e, B: 0x73, A: 0xff}}
	return all[n%len(all)]
}

// Sizes of a panel.
const (
	panelWidth  = 3.4 * vg.Inch
	panelHeight = 2.6 * vg.Inch
	inARow      = 2
)

// drawSVG draws panels into a file, two in a row.
func drawSVG(path string, panels []panel) error {
	rows := (len(panels) + inARow - 1) / inARow
	columns := min(len(panels), inARow)
	canvas := vgsvg.New(panelWidth*vg.Length(columns), panelHeight*vg.Length(rows))
	tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: 0.15 * vg.Inch, PadY: 0.2 * vg.Inch,
		PadTop: 0.05 * vg.Inch, PadBottom: 0.05 * vg.Inch, PadLeft: 0.05 * vg.Inch, PadRight: 0.1 * vg.Inch}
	for i, p := range panels {
		drawn, err := p.plot()
		if err != nil {
			return fmt.Errorf("drawing %q: %w", p.title, err)
		}
		drawn.Draw(tiles.At(draw.New(canvas), i%inARow, i/inARow))
	}
	var text bytes.Buffer
	if _, err := canvas.WriteTo(&text); err != nil {
		return fmt.Errorf("drawing %s: %w", path, err)
	}
	head, body, _ := strings.Cut(text.String(), "<g ")
	if err := os.WriteFile(path, []byte(head+style+"<g "+body), 0o644); err != nil { //nolint:gosec // documents are for everybody
		return fmt.Errorf("writing the drawing: %w", err)
	}
	return nil
}

// plot creates the library's plot of a panel.
func (p panel) plot() (*plot.Plot, error) {
	drawn := plot.New()
	drawn.BackgroundColor = nil // that of the page
	drawn.Title.Text, drawn.X.Label.Text, drawn.Y.Label.Text = p.title, p.x, p.y
	drawn.NominalX(p.ticks...)
	drawn.Title.Padding, drawn.Legend.Padding = vg.Points(4), vg.Points(2)
	// Aligned to the left, so a wider font than the library's does no harm.
	drawn.Legend.Top, drawn.Legend.Left, drawn.Legend.XOffs = true, true, vg.Points(8)
	for _, text := range []*draw.TextStyle{&drawn.Title.TextStyle, &drawn.X.Label.TextStyle, &drawn.Y.Label.TextStyle,
		&drawn.X.Tick.Label, &drawn.Y.Tick.Label, &drawn.Legend.TextStyle} {
		text.Color = ink()
		text.Font.Variant = "Sans"
		text.Font.Size = font.Points(9)
	}
	drawn.Title.TextStyle.Font.Size = font.Points(11)
	for _, line := range []*draw.LineStyle{&drawn.X.LineStyle, &drawn.Y.LineStyle, &drawn.X.Tick.LineStyle, &drawn.Y.Tick.LineStyle} {
		line.Color = ink()
	}
	for _, c := range p.curves {
		line, points, err := plotter.NewLinePoints(c.xys())
		if err != nil {
			return nil, err
		}
		line.Color, points.Color = curveColour(c.colour), curveColour(c.colour)
		line.Width = vg.Points(1.6)
		points.Shape, points.Radius = draw.CircleGlyph{}, vg.Points(2.2)
		if c.dashed {
			line.Dashes = []vg.Length{vg.Points(4), vg.Points(3)}
		}
		drawn.Add(line, points)
		drawn.Legend.Add(c.name, line, points)
	}
	// Start at 0, and leave room for the legend above the curves.
	drawn.Y.Min, drawn.Y.Max = 0, drawn.Y.Max*(1.1+0.13*float64(len(p.curves)))
	return drawn, nil
}

// xys returns the measured points of the curve.
func (c curve) xys() plotter.XYs {
	var all plotter.XYs
	for i, v := range c.values {
		if v > 0 {
			all = append(all, plotter.XY{X: float64(i), Y: v})
		}
	}
	return all
}
