package main

import (
	"context"
	"errors"
	"fmt"
	"time"

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
		return display{board: c.Board, weights: weights}.show(ctx, p)
	}
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
			return fmt.Errorf("no board %q in topic %s within %s: is `pageheat run` up?", c.Board, p.topo.Output, boardTimeout)
		default:
			return err
		}
	}
	return nil
}

func (c *topCmd) print(p *program, b boardRecord, weights heat.Weights) error {
	if c.JSON {
		_, err := fmt.Fprintf(p.stdout, "%s\n", b.value)
		return err
	}
	_, err := fmt.Fprint(p.stdout, boardText(p.stdout, b.board, weights, 0))
	return err
}
