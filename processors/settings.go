package processors

import (
	"strconv"
	"strings"
	"time"

	"pageheat/failure"
	"pageheat/heat"
)

// Settings shape the pipeline.
type Settings struct {
	// Linger is the longest that ingest gathers behaviours before it sends them.
	Linger time.Duration `help:"Maximum time to batch behaviours before sending."`
	// PublishEvery is the shortest time between two boards.
	PublishEvery time.Duration `help:"Minimum interval between two boards."`
	// CommitEvery is the longest time between two commits of the table.
	CommitEvery time.Duration `help:"Maximum interval between two commits of the table; shorter when idle."`

	// ForgetAfter is the time without a behaviour after which a page is dropped, as [Settings.ForgetAfterDays] reads it.
	ForgetAfter string `placeholder:"TIME" help:"Time without a behaviour after which a page is dropped, in days, such as 90d; by default none is."`

	// DropTitles leaves titles and addresses of pages out of all boards.
	DropTitles bool `help:"Ignore titles and addresses of pages that behaviours have."`

	// Top is how many pages are on the board, 1 to [MaxTop].
	Top int `help:"Number of pages on the board, from 1 to 1000."`

	// Limits are those of a valid behaviour.
	Limits heat.Limits `embed:""`
	// Weights make heat of totals.
	Weights heat.WeightSettings `embed:""`
}

// MaxTop is the largest board: topology.MaxMessageBytes is made for it.
const MaxTop = 1000

// DefaultSettings are the settings in production.
func DefaultSettings() Settings {
	return Settings{
		Linger: 5 * time.Millisecond, PublishEvery: 10 * time.Millisecond, CommitEvery: 15 * time.Second,
		Top: 10, Limits: heat.DefaultLimits(), Weights: heat.DefaultWeightSettings(),
	}
}

// Validate returns a [failure.Setting] of the first setting that is out of range.
func (s Settings) Validate() error {
	for _, d := range []struct {
		setting     string
		value       time.Duration
		least, most time.Duration
	}{
		{"linger", s.Linger, 0, time.Minute},
		{"publish-every", s.PublishEvery, 0, time.Hour},
		{"commit-every", s.CommitEvery, 10 * time.Millisecond, 10 * time.Minute},
	} {
		if d.value < d.least || d.value > d.most {
			return failure.BadSetting(d.setting, "%s: must be from %s to %s", d.value, d.least, d.most)
		}
	}
	if s.Top < 1 || s.Top > MaxTop {
		return failure.BadSetting("top", "%d: must be from 1 to %d", s.Top, MaxTop)
	}
	if _, err := s.ForgetAfterDays(); err != nil {
		return err
	}
	if err := s.Limits.Validate(); err != nil {
		return err
	}
	_, err := s.Weights.Weights()
	return err
}

// mostForgetDays bounds ForgetAfter: a hundred years.
const mostForgetDays = 36_500

// ForgetAfterDays returns the number of days without a behaviour after which a page is dropped, 0 if none is. The error
// is a [failure.Setting].
func (s Settings) ForgetAfterDays() (int, error) {
	if s.ForgetAfter == "" {
		return 0, nil
	}
	digits, ok := strings.CutSuffix(s.ForgetAfter, "d")
	n, err := strconv.ParseUint(digits, 10, 32)
	if !ok || err != nil || n < 1 || n > mostForgetDays {
		return 0, failure.BadSetting("forget-after", "%q: must be a number of days from 1d to %dd, such as 90d", s.ForgetAfter, mostForgetDays)
	}
	return int(n), nil
}

// mostLeaders bounds the leaders of all heat partitions in a second: one owner of the ranking
// reads them from one partition, and each has the progress in every input partition.
const mostLeaders = 10_000

// LeadersEvery is the shortest time between two leaders of one of a number of heat partitions: the
// ranking waits for them, and then for its own publishing time.
func (s Settings) LeadersEvery(partitions int) time.Duration {
	return max(min(s.PublishEvery, 5*time.Millisecond), time.Duration(partitions)*time.Second/mostLeaders)
}
