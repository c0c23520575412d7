package accesslog

import (
	"time"

	"pageheat/failure"
	"pageheat/pagename"
)

// Settings are the options that a command has.
type Settings struct {
	// Format is empty for messages instead of a log.
	Format Format `default:"" key:"produce-format" env:"PAGEHEAT_PRODUCE_FORMAT" enum:",common,combined,caddy,nginx-json" placeholder:"common|combined|caddy|nginx-json" help:"Format of access logs to make behaviours of."`
	// Follow is whether the log is still being written.
	Follow bool `help:"Go on with what is appended to the log, across its rotation."`
	// Bots is keep or drop.
	Bots string `default:"keep" enum:"keep,drop" help:"What to do with views of bots that say so in their user agent."`
	// VisitTimeout is that of [Visits]; 0 for its default, which depends on Follow.
	VisitTimeout time.Duration `help:"Time without a view after which a visit is over. Default: the whole log; with --follow 30m."`
	// Since is a time in RFC 3339, or now, or empty.
	Since string `placeholder:"TIME" help:"Time of the first request to count, in RFC 3339 or now. Default: the start of the log."`

	// PageNames are the rules for names.
	PageNames pagename.Settings `embed:""`
}

const (
	// liveTimeout is the time after which a visit is over while a log is followed: that of most
	// analytics.
	liveTimeout = 30 * time.Minute
	// maxTimeout bounds the time for which views wait.
	maxTimeout = 30 * 24 * time.Hour
)

// DefaultSettings are the settings of a command without options.
func DefaultSettings() Settings { return Settings{Bots: "keep"} }

// Config returns what finds views and what decides their dwell times. An error in a setting is a
// [failure.Setting].
func (s Settings) Config() (*Views, *Visits, error) {
	if s.Format == "" && (s.Follow || s.VisitTimeout != 0 || s.Since != "") {
		return nil, nil, failure.BadSetting("format", "name the format of the access logs: common, combined, caddy or nginx-json")
	}
	views, visits := &Views{}, &Visits{Timeout: s.VisitTimeout}
	switch {
	case s.VisitTimeout == 0 && s.Follow:
		visits.Timeout = liveTimeout
	case s.VisitTimeout != 0 && (s.VisitTimeout < time.Second || s.VisitTimeout > maxTimeout):
		return nil, nil, failure.BadSetting("visit-timeout", "%s: must be 0, or from 1s to %s", s.VisitTimeout, maxTimeout)
	}
	var err error
	switch s.Since {
	case "":
	case "now":
		views.Since = time.Now()
	default:
		if views.Since, err = time.Parse(time.RFC3339, s.Since); err != nil {
			return nil, nil, failure.BadSetting("since", "%q: must be now, or like 2006-01-02T15:04:05Z", s.Since)
		}
	}
	if views.PageNames, err = s.PageNames.Rules(); err != nil {
		return nil, nil, err
	}
	if s.Bots == "drop" {
		if views.Bots, err = NewBots(); err != nil {
			return nil, nil, err
		}
	}
	return views, visits, nil
}
