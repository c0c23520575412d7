package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// timelineStep is the time of one line of a timeline.
const timelineStep = 100 * time.Millisecond

// keepTimeline writes, for each time step in which messages were created, the greatest latency of the board and of the
// bare consumer in milliseconds: whether slow seconds are the machine's, and when they come. Every message has come.
func keepTimeline(file string, created [][]time.Time, from time.Time, board, bare [][]time.Time) error {
	type greatest struct{ board, bare time.Duration }
	steps := map[time.Time]*greatest{}
	var order []time.Time
	for p := range created {
		for i, at := range created[p][:min(len(board[p]), len(bare[p]))] {
			if at.Before(from) {
				continue
			}
			began := at.Truncate(timelineStep)
			g := steps[began]
			if g == nil {
				g = &greatest{}
				steps[began] = g
				order = append(order, began)
			}
			g.board, g.bare = max(g.board, board[p][i].Sub(at)), max(g.bare, bare[p][i].Sub(at))
		}
	}
	slices.SortFunc(order, time.Time.Compare)
	var text strings.Builder
	text.WriteString("time board-ms bare-ms\n")
	for _, began := range order {
		g := steps[began]
		fmt.Fprintf(&text, "%s %.0f %.0f\n", began.Format("15:04:05.0"), milliseconds(g.board), milliseconds(g.bare))
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		return fmt.Errorf("writing a timeline: %w", err)
	}
	return nil
}
