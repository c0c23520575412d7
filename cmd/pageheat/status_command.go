package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize/english"

	"pageheat/kafka"
	"pageheat/overview"
	"pageheat/terminal"
	"pageheat/topology"
)

// statusCmd shows the state of a deployment.
type statusCmd struct {
	JSON bool `name:"json" help:"Print a JSON object: that of /api/v1/overview, with problems."`
}

const (
	// stallTime is the time in which a board has to advance while messages wait. The instances
	// publish many times in it, and the overview asks again after it.
	stallTime = 3 * time.Second
	// settleTime is how long a deployment may take to settle after the start of instances, and settleAgain
	// the time between two looks at it: the overview gives the same answer again for as long.
	settleTime, settleAgain = 15 * time.Second, 2 * time.Second
	// shownMembers and shownLetters are the number of members of a group and of dead letters that
	// are shown.
	shownMembers, shownLetters = 3, 3
	// shownText is the maximum length of a member's ID, and shownDetail of a dead letter's detail.
	shownText, shownDetail = 21, 40
)

// statusReport is what the command prints as JSON.
type statusReport struct {
	overview.State
	Problems []string `json:"problems"`
}

// Run prints the status and ends with errDifference if something is wrong.
func (c *statusCmd) Run(ctx context.Context, p *program) error {
	if err := p.ready(ctx, "status"); err != nil {
		return err
	}
	report, err := statusOf(ctx, p)
	if err != nil {
		return interrupted(ctx, err)
	}
	if c.JSON {
		out := json.NewEncoder(p.stdout)
		out.SetIndent("", "  ")
		err = out.Encode(report)
	} else {
		err = printStatus(p.stdout, p.kafka.Brokers(), p.topo.Input, report)
	}
	if err == nil && len(report.Problems) > 0 {
		return errDifference
	}
	return err
}

// statusOf asks the cluster, again while instances settle, and twice if messages wait: then the board
// has to advance.
func statusOf(ctx context.Context, p *program) (*statusReport, error) {
	view := overview.New(p.kafka, p.topo, func(kafka.Resource, string) bool { return false })
	state, err := view.State(ctx)
	if err != nil {
		return nil, err
	}
	again := func(after time.Duration) error {
		select {
		case <-time.After(after):
			state, err = view.State(ctx)
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for began := state.At; state.Settling() && state.At.Sub(began) < settleTime; {
		if state.At.Equal(began) {
			p.log.Info("instances have just started, or rebalance: the status follows when they have settled", "within", settleTime)
		}
		if err := again(settleAgain); err != nil {
			return nil, err
		}
	}
	var stalled []string
	if state.Waits() {
		before := state
		if err := again(stallTime); err != nil {
			return nil, err
		}
		stalled = state.Stalled(&before)
	}
	return &statusReport{state, append(append([]string{}, state.Problems()...), stalled...)}, nil
}

// printStatus prints one screen.
func printStatus(w io.Writer, brokers []string, input string, r *statusReport) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(cells ...string) { _, _ = fmt.Fprintln(out, strings.Join(cells, "\t")) } // Flush returns the error
	line(fmt.Sprintf("%s, %s", strings.Join(brokers, ","), english.Plural(len(r.Brokers), "broker", "")))
	line()
	line("TOPIC", "PARTITIONS", "RECORDS")
	var behind *int64
	for _, n := range r.Flow {
		if n.Kind == string(topology.Group) {
			continue
		}
		if n.Name == input {
			behind = n.Lag
		}
		line(n.Name, strconv.Itoa(len(n.Partitions)), number(n.Records))
	}
	line()
	line("GROUP", "STATE", "LAG", "OWNER", "HOST", "PARTITIONS")
	for _, n := range r.Flow {
		if n.Kind != string(topology.Group) {
			continue
		}
		name, state, lag := n.Name, n.GroupState, number(n.Lag)
		if len(n.Members) == 0 {
			line(name, state, lag, "none")
		}
		for i, m := range n.Members {
			if i == shownMembers && len(n.Members) > shownMembers+1 {
				line("", "", "", fmt.Sprintf("and %d more", len(n.Members)-i))
				break
			}
			line(name, state, lag, shortened(m.ID, shownText), terminal.Printable(strings.TrimPrefix(m.Host, "/")), ranges(m.Partitions))
			name, state, lag = "", "", ""
		}
	}
	if len(r.Boards) > 0 {
		line()
		line("BOARD", "AS OF")
	}
	for _, b := range r.Boards {
		line(terminal.Printable(b.Name), b.AsOf.Format("2006-01-02 15:04 MST"))
	}
	line()
	line(fmt.Sprintf("not on the board: %s   lost: %s   requests to forget pages: %s", number(behind), number(r.Lost), number(r.ForgetRequests)))
	line(fmt.Sprintf("dead letters: %s%s", number(r.DeadLetters.Total), byReason(r.DeadLetters.Reasons)))
	for _, letter := range r.DeadLetters.Samples[:min(shownLetters, len(r.DeadLetters.Samples))] {
		line(fmt.Sprintf("  %s %s: %s", letter.At.Format(time.DateTime), letter.Reason, shortened(letter.Detail, shownDetail)))
	}
	if len(r.Problems) == 0 {
		line("nothing is wrong")
	}
	for _, problem := range r.Problems {
		line("PROBLEM: " + terminal.Printable(problem))
	}
	return out.Flush()
}

// number is a number, or that it is not known.
func number(n *int64) string {
	if n == nil {
		return "unknown"
	}
	return terminal.Count(uint64(max(0, *n)))
}

// shortened cuts a text in the middle, which is where IDs differ least.
func shortened(text string, most int) string {
	runes := []rune(terminal.Printable(text))
	if len(runes) <= most {
		return string(runes)
	}
	half := (most - 1) / 2
	return string(runes[:half]) + "…" + string(runes[len(runes)-half:])
}

// ranges lists sorted numbers, such as 0-2,5.
func ranges(numbers []int32) string {
	var all []string
	for i := 0; i < len(numbers); {
		end := i
		for end+1 < len(numbers) && numbers[end+1] == numbers[end]+1 {
			end++
		}
		one := strconv.Itoa(int(numbers[i]))
		if end > i {
			one += "-" + strconv.Itoa(int(numbers[end]))
		}
		all = append(all, one)
		i = end + 1
	}
	return strings.Join(all, ",")
}

// byReason counts the latest dead letters by reason, the most frequent first.
func byReason(reasons map[string]int) string {
	names := slices.SortedFunc(maps.Keys(reasons), func(a, b string) int {
		if reasons[a] != reasons[b] {
			return reasons[b] - reasons[a]
		}
		return strings.Compare(a, b)
	})
	if len(names) == 0 {
		return ""
	}
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = fmt.Sprintf("%s %d", name, reasons[name])
	}
	return ", the latest: " + terminal.Printable(strings.Join(all, ", "))
}
