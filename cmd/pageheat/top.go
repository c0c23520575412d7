package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"

	"pageheat/heat"
)

// boardTimeout is how long top --once waits for a board.
const boardTimeout = 10 * time.Second

// topCmd shows the board.
type topCmd struct {
	Once  bool   `help:"Print the board and exit. Fails if there is none within 10 seconds."`
	JSON  bool   `name:"json" help:"Print the value of each record, one a line."`
	Board string `default:"all-time" help:"Name of the board."`

	weightFlags
}

// Run shows the board until it is interrupted, which is its usual end.
func (c *topCmd) Run(ctx context.Context, p *program) error {
	if c.Board == "" {
		return badFlag("board", "must not be empty")
	}
	weights, err := c.weights()
	if err != nil {
		return err
	}
	switch {
	case c.Once:
		return c.once(ctx, p, weights)
	case c.JSON:
		for b, err := range followBoards(ctx, p, c.Board) {
			if errors.Is(err, errInterrupted) {
				return nil
			}
			if err == nil {
				err = c.print(p, b, weights)
			}
			if err != nil {
				return err
			}
		}
		return nil
	default:
		return display{board: c.Board, weights: weights, waiting: c.otherBoards}.show(ctx, p)
	}
}

// otherBoards says, while a board does not come, which there are.
func (c *topCmd) otherBoards(ctx context.Context, p *program) string {
	if newest, _, err := newestBoard(ctx, p, c.Board); err != nil || newest.board != nil {
		return ""
	}
	names, err := boardNames(ctx, p)
	if err != nil || len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("Waiting for board %q. The boards there are: %s", c.Board, strings.Join(names, ", "))
}

// once prints the newest board; where there is none, the first that comes.
func (c *topCmd) once(ctx context.Context, p *program, weights heat.Weights) error {
	wait, cancel := context.WithTimeout(ctx, boardTimeout)
	defer cancel()
	for b, err := range followBoards(wait, p, c.Board) {
		switch {
		case err == nil:
			return c.print(p, b, weights)
		case ctx.Err() == nil && wait.Err() != nil:
			return c.noBoard(ctx, p)
		default:
			return err
		}
	}
	return nil
}

// noBoard says that a board did not come, and which there are.
func (c *topCmd) noBoard(ctx context.Context, p *program) error {
	names, err := boardNames(ctx, p)
	switch {
	case err != nil:
		return err
	case len(names) > 0:
		return fmt.Errorf("no board %q in topic %s within %s; the boards there are: %s",
			c.Board, p.topo.Output, boardTimeout, strings.Join(names, ", "))
	}
	return fmt.Errorf("no board %q in topic %s within %s: is `pageheat run` up?", c.Board, p.topo.Output, boardTimeout)
}

func (c *topCmd) print(p *program, b boardRecord, weights heat.Weights) error {
	if c.JSON {
		_, err := fmt.Fprintf(p.stdout, "%s\n", b.value)
		return err
	}
	text := boardText(b.board, weights)
	if width, ok := terminalWidth(p.stdout); ok {
		drawn := layout{width: width, weights: weights, style: lipgloss.NewRenderer(p.stdout)}
		text = strings.Join(drawn.lines(b.board), "\n") + "\n"
	}
	_, err := fmt.Fprint(p.stdout, text)
	return err
}
