package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/terminal"
	"pageheat/views"
)

// boardTimeout is how long top --once waits for a board by default.
const boardTimeout = 10 * time.Second

// topCmd shows the board.
type topCmd struct {
	Once  bool          `help:"Print the board and exit. Fails if there is none within --wait."`
	Wait  time.Duration `help:"Maximum time that --once waits for a board."`
	JSON  bool          `name:"json" help:"Print the value of each record, one a line."`
	Board string        `help:"Name of the board; after a slash that of a group or a closed period."`

	Weights heat.WeightSettings `embed:""`
}

// Run shows the board until it is interrupted, which is its usual end.
func (c *topCmd) Run(ctx context.Context, p *program) error {
	if c.Board == "" {
		return failure.BadSetting("board", "must not be empty")
	}
	if c.Wait <= 0 {
		return failure.BadSetting("wait", "must be positive")
	}
	weights, err := c.Weights.Weights()
	if err != nil {
		return err
	}
	if err := p.ready(ctx, "top"); err != nil {
		if c.Once || !errors.Is(err, errInterrupted) {
			return err
		}
		return nil
	}
	output := p.output()
	switch {
	case c.Once:
		return c.once(ctx, p, weights)
	case c.JSON:
		for b, err := range output.Follow(ctx, c.Board) {
			if err == nil {
				err = c.print(p, b, weights)
			}
			if errors.Is(interrupted(ctx, err), errInterrupted) {
				return nil
			}
			if err != nil {
				return err
			}
		}
		return nil
	default:
		show := terminal.Display{Weights: weights, Boards: boardsOf(output, c.Board, nil),
			Waiting: func(ctx context.Context) string { return c.otherBoards(ctx, output) }}
		return show.Show(ctx, p.stdin, p.stdout)
	}
}

// output is where boards are read from.
func (p *program) output() views.Output {
	return views.Output{Cluster: p.kafka, Topic: p.topo.Output, Logger: p.log.Logger}
}

// boardsOf gives the boards of a name. seen, if not nil, is told of every board before it
// is shown.
func boardsOf(output views.Output, name string, seen func(*codec.Board)) func(context.Context) iter.Seq2[*codec.Board, error] {
	return func(ctx context.Context) iter.Seq2[*codec.Board, error] {
		return func(yield func(*codec.Board, error) bool) {
			for b, err := range output.Follow(ctx, name) {
				if seen != nil && err == nil {
					seen(b.Board)
				}
				if !yield(b.Board, err) {
					return
				}
			}
		}
	}
}

// otherBoards says, while a board does not come, which there are.
func (c *topCmd) otherBoards(ctx context.Context, output views.Output) string {
	if newest, err := output.Newest(ctx, c.Board); err != nil || newest.Board != nil {
		return ""
	}
	names, err := boardNames(ctx, output)
	if err != nil || names == "" {
		return ""
	}
	return fmt.Sprintf("Waiting for board %q. The boards there are: %s", c.Board, names)
}

// boardNames lists the boards there are.
func boardNames(ctx context.Context, output views.Output) (string, error) {
	names, err := output.Names(ctx)
	for i, name := range names {
		names[i] = terminal.Printable(name)
	}
	return strings.Join(names, ", "), err
}

// once prints the newest board; where there is none, the first that comes.
func (c *topCmd) once(ctx context.Context, p *program, weights heat.Weights) error {
	wait, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	for b, err := range p.output().Follow(wait, c.Board) {
		switch {
		case err == nil:
			return c.print(p, b, weights)
		case ctx.Err() == nil && wait.Err() != nil:
			return c.noBoard(ctx, p)
		default:
			return interrupted(wait, err)
		}
	}
	return nil
}

// noBoard says that a board did not come, and which there are.
func (c *topCmd) noBoard(ctx context.Context, p *program) error {
	names, err := boardNames(ctx, p.output())
	switch {
	case err != nil:
		return interrupted(ctx, err)
	case names != "":
		return fmt.Errorf("no board %q in topic %s within %s; the boards there are: %s",
			c.Board, p.topo.Output, c.Wait, names)
	}
	return fmt.Errorf("no board %q in topic %s within %s: is `pageheat run` up?", c.Board, p.topo.Output, c.Wait)
}

func (c *topCmd) print(p *program, b views.Published, weights heat.Weights) error {
	text := string(b.Value) + "\n"
	if !c.JSON {
		text = terminal.Drawn(p.stdout, b.Board, weights)
	}
	_, err := io.WriteString(p.stdout, text)
	return err
}
