package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"

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
	// notes, if not nil, gives lines that stand below the board on a terminal.
	notes func() []note
	// title, if not nil, is a page's title on a terminal, empty where it has none.
	title func(page string) string
	// waiting, if not nil, is asked once what to say while no board has come.
	waiting func(ctx context.Context, p *program) string
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
	hint := func() string {
		if d.waiting == nil {
			return ""
		}
		return d.waiting(ctx, p)
	}
	switch {
	case canDraw(p.stdout):
		err = showScreen(cancel, p, boards, hint, screen{notes: d.notes, layout: layout{
			weights: d.weights, title: d.title, foot: "q: quit", style: lipgloss.NewRenderer(p.stdout)}})
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

// canDraw reports whether w is a terminal that can be drawn on.
func canDraw(w io.Writer) bool { return isTerminal(w) && os.Getenv("TERM") != "dumb" }

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
	layout layout
	board  *codec.Board
	notes  func() []note
	raised bool // ctrl+c was pressed
}

// waitingFor is what to say while no board has come.
type waitingFor string

// redraw asks for the notes to be read again.
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
	case waitingFor:
		s.layout.waiting = string(msg)
	case redraw:
		return s, redrawLater()
	case tea.WindowSizeMsg:
		s.layout.width, s.layout.height = msg.Width, msg.Height
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
	if s.notes != nil {
		s.layout.notes = s.notes()
	}
	return strings.Join(s.layout.lines(s.board), "\n")
}

// showScreen shows boards in place. stop must end them. hint is what to say while no
// board has come.
func showScreen(stop func(), p *program, boards iter.Seq2[boardRecord, error], hint func() string, first screen) error {
	// Signals are ours: the terminal only tells that ctrl+c was pressed.
	ui := tea.NewProgram(first,
		tea.WithInput(p.stdin), tea.WithOutput(p.stdout), tea.WithoutSignalHandler(), tea.WithoutCatchPanics(),
		tea.WithAltScreen()) // where a change of its size leaves nothing behind
	var failed error
	var reading sync.WaitGroup
	reading.Go(func() { ui.Send(waitingFor(hint())) })
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
	if s, ok := last.(screen); ok {
		if s.raised {
			// So that it counts as the first signal, and the next one as the second.
			if self, err := os.FindProcess(os.Getpid()); err == nil {
				_ = self.Signal(os.Interrupt) // if not, the board is gone, as with q
			}
		}
		if s.board != nil {
			// The last board stays in the terminal.
			s.layout.foot, s.layout.height = "", 0
			_, err = fmt.Fprintln(p.stdout, s.View())
		}
	}
	return errors.Join(failed, err)
}
