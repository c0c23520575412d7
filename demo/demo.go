// Package demo has the parts of the demo besides the pipeline: an embedded broker, a fictional
// forum (package forum), its visitors, and a check that the board includes all that was sent.
package demo

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"pageheat/demo/forum"
	"pageheat/failure"
	"pageheat/traffic"
	"pageheat/web"
)

// Settings are the operator's settings of a demo.
type Settings struct {
	Rate   traffic.Rate  `placeholder:"N" help:"Simulated messages a second, or max."`
	For    time.Duration `placeholder:"DURATION" help:"Time to run, such as 1m30s. Default: until interrupted."`
	Data   string        `placeholder:"DIR" help:"Directory that keeps everything for the next demo. Default: in memory."`
	Listen *string       `placeholder:"HOST:PORT" help:"Address of the dashboard and the forum. Default 127.0.0.1:8080, or a free port if that is in use."`
	Seed   *uint64       `placeholder:"N" help:"Seed of the simulator: equal seeds send equal messages."`

	Pages int     `help:"Number of threads in the forum."`
	Zipf  float64 `placeholder:"S" help:"Exponent of Zipf's law: the thread of rank R gets 1/R^S of the visits of the first, fashions aside."`
}

// DefaultSettings make a lively board.
func DefaultSettings() Settings {
	return Settings{Rate: 200, Pages: traffic.DefaultPages, Zipf: 0.7}
}

// SessionTimeout is the broker's minimum: after a crash, a demo with stored data waits for its
// previous group members to time out.
const SessionTimeout = 6 * time.Second

// trendTime is how long a thread stays trending.
const trendTime = 25 * time.Second

// Boards returns the definitions of the demo's boards beside all-time, as --board takes them. A demo lasts
// minutes, so what is trending is what was hot in the last few of them.
func Boards() []string {
	return []string{
		"trending kind=trending half-life=10m",
		"last-hour kind=window window=1h step=1m",
		"today kind=calendar calendar=day",
	}
}

// Web returns the settings of the demo's HTTP server. All its clients may be on one machine, so
// there is no limit per client.
func (s Settings) Web() web.Settings {
	served := web.DefaultSettings()
	served.Listen = s.Listen
	served.MaxConnectionsPerClient, served.MaxStreamsPerClient = served.MaxConnections, served.MaxStreams
	return served
}

// Visitors returns the visitors of the forum. The error is a [failure.Setting].
func (s Settings) Visitors() (*traffic.Visitors, error) {
	if s.For < 0 {
		return nil, failure.BadSetting("for", "%s: must not be negative", s.For)
	}
	if err := (traffic.Settings{Pages: s.Pages, Zipf: s.Zipf}).Validate(); err != nil {
		return nil, err
	}
	const quick = 10_000 // the assumed rate if it is max
	threads := forum.Threads()
	thread := func(page int) forum.Thread { return threads[page%len(threads)].Part(page / len(threads)) }
	options := traffic.VisitorsOptions{
		Pages: s.Pages, Zipf: s.Zipf, Seed: rand.Uint64(),
		Trend: max(1, int(min(float64(s.Rate), quick)*trendTime.Seconds())),
		Name:  func(page int) string { return thread(page).Path },
		Title: func(page int) string { return thread(page).Title },
	}
	if s.Seed != nil {
		options.Seed = *s.Seed
	}
	return traffic.NewVisitors(options)
}

// Broker starts a broker on a free port of the loopback interface. It stores its data in Data,
// or in memory. The caller closes it.
func (s Settings) Broker() (*kfake.Cluster, error) {
	options := []kfake.Opt{kfake.NumBrokers(1)}
	if s.Data != "" {
		options = append(options, kfake.DataDir(s.Data))
	}
	broker, err := kfake.NewCluster(options...)
	if err != nil {
		return nil, fmt.Errorf("starting the embedded broker: %w", err)
	}
	return broker, nil
}
