package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/procfs"
)

// result is one run of one contender.
type result struct {
	scenario
	Case string `json:"case"`
	// Counted is how many messages the contender had to count.
	Counted int64 `json:"counted"`
	// Rate is in messages a second from the beginning of reading until all were
	// counted, SecondHalf from half of them on.
	Rate       float64 `json:"rate"`
	SecondHalf float64 `json:"second_half"`
	// StartUp is how long it took from the start of the process to the beginning
	// of reading, in seconds; it is not in the rate.
	StartUp float64 `json:"start_up"`
	// Durable is how many seconds after the last message was counted the last
	// change was committed in the changelog; -1 where there is none.
	Durable float64 `json:"durable"`
	// CPU and BrokerCPU are processor seconds per million messages, from the
	// beginning of reading until all was counted and durable.
	CPU       float64 `json:"cpu"`
	BrokerCPU float64 `json:"broker_cpu"`
	// Peak is the most memory held, in MiB, over all processes.
	Peak float64 `json:"peak_mib"`
	// Bytes are appended to each topic, per message counted.
	Bytes map[string]float64 `json:"bytes,omitempty"`
	// Wrong says in what the answer is not exact.
	Wrong []string `json:"wrong,omitempty"`
	// Load is the machine's load average over a minute, before the run.
	Load float64 `json:"load"`
}

// wrong takes note of an error in the answer.
func (r *result) wrong(format string, args ...any) {
	r.Wrong = append(r.Wrong, fmt.Sprintf(format, args...))
}

// times fills in the rates.
func (r *result) times(started time.Time, m measured) {
	r.Rate = perSecond(r.Counted, m.Done.Sub(m.Began))
	r.SecondHalf = perSecond(r.Counted-m.HalfCounted, m.Done.Sub(m.Half))
	r.StartUp = m.Began.Sub(started).Seconds()
}

func perSecond(n int64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

// key names what runs of it are compared.
func (r *result) key() string { return r.keyOf(r.Case) }

// keyOf is the key of another contender's runs in the same scenario.
func (r *result) keyOf(contender string) string { return r.String() + ", " + contender }

// latencyResult is one run of the latency benchmark; times in milliseconds.
type latencyResult struct {
	Broker     string        `json:"broker"`
	Rate       int           `json:"rate"` // messages a second
	Linger     string        `json:"linger"`
	Pages      int           `json:"pages"`
	Partitions int32         `json:"partitions"`
	Messages   int64         `json:"messages"`
	Board      percentiles   `json:"board"` // created to board
	Bare       percentiles   `json:"bare"`  // created to a bare consumer
	Wrong      []string      `json:"wrong,omitempty"`
	Load       float64       `json:"load"`
	For        time.Duration `json:"for"`
}

func (r *latencyResult) key() string {
	return fmt.Sprintf("%s, %s messages/s, linger %s", r.Broker, thousands(int64(r.Rate)), r.Linger)
}

// percentiles are in milliseconds.
type percentiles struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// report is what is written as JSON.
type report struct {
	When       time.Time        `json:"when"`
	Go         string           `json:"go"`
	Cores      int              `json:"cores"`
	Throughput []*result        `json:"throughput,omitempty"`
	Latency    []*latencyResult `json:"latency,omitempty"`
	Pages      []*pagesResult   `json:"pages,omitempty"`
	Growth     []*growthResult  `json:"growth,omitempty"`
	Streams    []*streamsResult `json:"streams,omitempty"`
}

func newReport() *report {
	return &report{When: time.Now().UTC().Truncate(time.Second), Go: runtime.Version(), Cores: runtime.NumCPU()}
}

// write writes the report to a file.
func (r *report) write(path string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("writing the results: %w", err)
	}
	if err := os.WriteFile(path, append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the results: %w", err)
	}
	return nil
}

// readReport reads what write has written.
func readReport(path string) (*report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading results to compare with: %w", err)
	}
	r := &report{}
	if err := json.Unmarshal(text, r); err != nil {
		return nil, fmt.Errorf("reading results to compare with, %s: %w", path, err)
	}
	return r, nil
}

// medians are the runs with the median rate, one for each scenario and case, in
// the order of the first of them. Of an even number it is the slower one.
func medians(all []*result) []*result {
	return mediansOf(all, (*result).key, func(r *result) float64 { return r.Rate })
}

// latencyMedians are the runs with the median p99, one for each setting. Of an even
// number it is the slower one.
func latencyMedians(all []*latencyResult) []*latencyResult {
	return mediansOf(all, (*latencyResult).key, func(r *latencyResult) float64 { return -r.Board.P99 })
}

// mediansOf are the runs with the median figure, one for each key, in the order of
// the first of them. Of an even number it is the lower one of the middle.
func mediansOf[R any](all []R, key func(R) string, figure func(R) float64) []R {
	var keys []string
	runs := make(map[string][]R)
	for _, r := range all {
		k := key(r)
		if runs[k] == nil {
			keys = append(keys, k)
		}
		runs[k] = append(runs[k], r)
	}
	chosen := make([]R, len(keys))
	for i, k := range keys {
		same := slices.SortedFunc(slices.Values(runs[k]), func(a, b R) int { return cmp.Compare(figure(a), figure(b)) })
		chosen[i] = same[(len(same)-1)/2]
	}
	return chosen
}

// exact is errWrong with all that was wrong in any run, nil if nothing was.
func (r *report) exact() error {
	var all []string
	note := func(key string, wrong []string) {
		for _, w := range wrong {
			all = append(all, key+": "+w)
		}
	}
	for _, t := range r.Throughput {
		note(t.key(), t.Wrong)
	}
	for _, l := range r.Latency {
		note(l.key(), l.Wrong)
	}
	for _, p := range r.Pages {
		note(p.key(), p.Wrong)
	}
	for _, g := range r.Growth {
		note(g.key(), g.Wrong)
	}
	for _, s := range r.Streams {
		note(s.key(), s.Wrong)
	}
	if len(all) == 0 {
		return nil
	}
	return fmt.Errorf("%w:\n  %s", errWrong, strings.Join(all, "\n  "))
}

// load is the machine's load average over a minute, 0 where it cannot be had.
func load() float64 {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return 0
	}
	avg, err := fs.LoadAvg()
	if err != nil {
		return 0
	}
	return avg.Load1
}
