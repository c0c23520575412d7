package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"pageheat/codec"
	"pageheat/heat"
)

// display is how boards are shown.
type display struct {
	// board is the name of the board.
	board string
	// weights are what the heat is made with.
	weights heat.Weights
	// every is the shortest time between two boards where there is no
	// terminal; 0: each of them is printed.
	every time.Duration
	// note, if not nil, gives a line that stands under the board on a terminal.
	note func() string
	// seen, if not nil, is told of every board, before it is shown.
	seen func(*codec.Board)
}

// show shows boards until ctx is done (nil) or, on a terminal, somebody presses q: in
// place on a terminal, else one board after the other, the last one always.
func (d display) show(ctx context.Context, p *program) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	boards := d.boards(ctx, p)
	var err error
	switch {
	case isTerminal(p.stdout):
		err = showScreen(cancel, p, boards, screen{out: p.stdout, weights: d.weights, note: d.note})
	case d.every > 0:
		err = printNewest(ctx, p.stdout, boards, d.weights, d.every)
	default:
		err = printEach(p.stdout, boards, d.weights)
	}
	if errors.Is(err, errInterrupted) {
		return nil
	}
	return err
}

// boards tells seen of the boards as they pass.
func (d display) boards(ctx context.Context, p *program) iter.Seq2[boardRecord, error] {
	return func(yield func(boardRecord, error) bool) {
		for b, err := range followBoards(ctx, p, d.board) {
			if d.seen != nil && err == nil {
				d.seen(b.board)
			}
			if !yield(b, err) {
				return
			}
		}
	}
}

func printBoard(w io.Writer, b *codec.Board, weights heat.Weights) error {
	_, err := fmt.Fprintln(w, boardText(w, b, weights, 0))
	return err
}

// printEach prints every board.
func printEach(w io.Writer, boards iter.Seq2[boardRecord, error], weights heat.Weights) error {
	for b, err := range boards {
		if err != nil {
			return err
		}
		if err := printBoard(w, b.board, weights); err != nil {
			return err
		}
	}
	return nil
}

// printNewest prints the newest board every so often, if there is a new one, and the
// last one when ctx, which must end boards too, is done.
func printNewest(ctx context.Context, w io.Writer, boards iter.Seq2[boardRecord, error], weights heat.Weights, every time.Duration) error {
	newest := make(chan *codec.Board, 1)
	var failed error // set before newest is closed
	go func() {
		defer close(newest)
		for b, err := range boards {
			if err != nil {
				failed = err
				return
			}
			select {
			case <-newest: // nobody has taken it
			default:
			}
			newest <- b.board
		}
	}()
	pause := time.NewTicker(every)
	defer pause.Stop()
	for b := range newest {
		if err := printBoard(w, b, weights); err != nil {
			return err
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
	}
	return failed
}

// screen is the board on a terminal, a model of bubbletea.
type screen struct {
	out     io.Writer
	weights heat.Weights
	board   *codec.Board
	note    func() string
	width   int
	raised  bool // ctrl+c was pressed
}

// redraw asks for the note to be read again.
type redraw struct{}

const redrawEvery = 500 * time.Millisecond

func redrawLater() tea.Cmd {
	return tea.Tick(redrawEvery, func(time.Time) tea.Msg { return redraw{} })
}

// Init starts the clock.
func (s screen) Init() tea.Cmd { return redrawLater() }

// Update takes boards, keys and the size of the terminal.
func (s screen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case *codec.Board:
		s.board = msg
	case redraw:
		return s, redrawLater()
	case tea.WindowSizeMsg:
		s.width = msg.Width
	case tea.KeyMsg:
		switch msg.String() {
		case "ctrl+c":
			s.raised = true
			return s, tea.Quit
		case "q", "esc":
			return s, tea.Quit
		}
	}
	return s, nil
}

// View draws the board.
func (s screen) View() string {
	text := "waiting for a board\n"
	if s.board != nil {
		text = boardText(s.out, s.board, s.weights, s.width)
	}
	if s.note != nil {
		text += "\n" + s.note() + "\n"
	}
	return text + "q: quit\n"
}

// showScreen shows boards in place. stop must end them.
func showScreen(stop func(), p *program, boards iter.Seq2[boardRecord, error], first screen) error {
	// Signals are ours: the terminal only tells that ctrl+c was pressed.
	ui := tea.NewProgram(first,
		tea.WithInput(p.stdin), tea.WithOutput(p.stdout), tea.WithoutSignalHandler(), tea.WithoutCatchPanics())
	var failed error
	var reading sync.WaitGroup
	reading.Go(func() {
		defer ui.Quit()
		for b, err := range boards {
			if err != nil {
				failed = err
				return
			}
			ui.Send(b.board)
		}
	})
	last, err := ui.Run()
	stop()
	reading.Wait()
	if err != nil {
		return fmt.Errorf("draw on the terminal: %w", err)
	}
	if s, ok := last.(screen); ok && s.raised {
		// So that it counts as the first signal, and the next one as the second.
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Signal(os.Interrupt) // if not, the board is gone, as with q
		}
	}
	return failed
}
