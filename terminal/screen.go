package terminal

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
	"golang.org/x/term"

	"pageheat/codec"
	"pageheat/heat"
)

// Display configures how boards are shown.
type Display struct {
	// Boards yields boards, each newer than the previous one. The sequence ends with an error,
	// which is that of ctx if ctx is done.
	Boards func(ctx context.Context) iter.Seq2[*codec.Board, error]
	// Weights are the weights of the heat.
	Weights heat.Weights
	// Every is the minimum time between two boards if there is no terminal; 0 prints every
	// board.
	Every time.Duration
	// Notes, if not nil, returns lines to show below the board on a terminal.
	Notes func() []Note
	// Waiting, if not nil, is called once for the text to show before the first board.
	Waiting func(ctx context.Context) string
}

// Show shows boards until ctx is done (nil) or, on a terminal, somebody presses q. On a
// terminal it draws in place; otherwise it prints one board after the other, always including
// the last one. It reads keys from stdin.
func (d Display) Show(ctx context.Context, stdin io.Reader, stdout io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	boards := d.Boards(ctx)
	var err error
	switch {
	case canDraw(stdout):
		err = d.draw(ctx, cancel, boards, stdin, stdout)
	case d.Every > 0:
		err = printNewest(ctx, stdout, boards, d.Weights, d.Every)
	default:
		err = printEach(stdout, boards, d.Weights)
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// draw shows boards in place.
func (d Display) draw(ctx context.Context, stop func(), boards iter.Seq2[*codec.Board, error], stdin io.Reader, stdout io.Writer) error {
	hint := func() string {
		if d.Waiting == nil {
			return ""
		}
		return d.Waiting(ctx)
	}
	return showScreen(stop, stdin, stdout, boards, hint, screen{notes: d.Notes, layout: layout{
		weights: d.Weights, foot: "q: quit", style: lipgloss.NewRenderer(stdout)}})
}

// Drawn returns a board as it is drawn on stdout, if that is a terminal, else as [Text].
func Drawn(stdout io.Writer, b *codec.Board, weights heat.Weights) string {
	width := Width(stdout)
	if width == 0 {
		return Text(b, weights)
	}
	drawn := layout{width: width, weights: weights, style: lipgloss.NewRenderer(stdout)}
	return strings.Join(drawn.lines(b), "\n") + "\n"
}

// Width is the width of the terminal that w is; 0 if it is none.
func Width(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || !canDraw(w) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return max(0, width)
}

// Is reports whether w is a terminal.
func Is(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// canDraw reports whether w is a terminal that can be drawn on.
func canDraw(w io.Writer) bool { return Is(w) && os.Getenv("TERM") != "dumb" }

// printEach prints every board.
func printEach(w io.Writer, boards iter.Seq2[*codec.Board, error], weights heat.Weights) error {
	for b, err := range boards {
		if err != nil {
			return err
		}
		if err := printBoard(w, b, weights); err != nil {
			return err
		}
	}
	return nil
}

// printNewest prints the newest board at an interval, if there is a new one, and the last one
// when ctx is done. That must end boards too.
func printNewest(ctx context.Context, w io.Writer, boards iter.Seq2[*codec.Board, error], weights heat.Weights, every time.Duration) error {
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
			case <-newest: // nobody took it
			default:
			}
			newest <- b
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
	notes  func() []Note
	raised bool // ctrl+c was pressed
}

// waitingFor is the text to show before the first board.
type waitingFor string

// redraw triggers a reload of the notes.
type redraw struct{}

const redrawEvery = 500 * time.Millisecond

func redrawLater() tea.Cmd {
	return tea.Tick(redrawEvery, func(time.Time) tea.Msg { return redraw{} })
}

// Init starts the clock.
func (s screen) Init() tea.Cmd { return redrawLater() }

// Update handles boards, keys and the size of the terminal.
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

// showScreen shows boards in place. stop must end them. hint is the text to show before the
// first board.
func showScreen(stop func(), stdin io.Reader, stdout io.Writer, boards iter.Seq2[*codec.Board, error], hint func() string, first screen) error {
	// The program handles signals; the terminal only reports ctrl+c.
	ui := tea.NewProgram(first,
		tea.WithInput(stdin), tea.WithOutput(stdout), tea.WithoutSignalHandler(), tea.WithoutCatchPanics(),
		tea.WithAltScreen()) // where resizing leaves nothing behind
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
			ui.Send(b)
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
			// Count it as the first signal, so the next one is the second.
			if self, err := os.FindProcess(os.Getpid()); err == nil {
				_ = self.Signal(os.Interrupt) // otherwise the board closes, as with q
			}
		}
		if s.board != nil {
			// The last board stays in the terminal.
			s.layout.foot, s.layout.height = "", 0
			_, err = fmt.Fprintln(stdout, s.View())
		}
	}
	return errors.Join(failed, err)
}
