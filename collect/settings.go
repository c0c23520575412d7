package collect

import (
	"time"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/pagename"
)

// Settings are the operator's settings of the collector.
type Settings struct {
	// CollectTimeout is the time limit for Kafka to acknowledge a batch, 10 ms to MaxTimeout.
	CollectTimeout time.Duration `help:"Time limit for Kafka to take a request before the sender is told to retry."`
	// AllowPages is the pattern of allowed pages, see PagePattern; empty for all.
	AllowPages string `placeholder:"REGEXP" help:"Pattern that must match the whole name of a page."`
	// MaxPageBytes is the maximum length of a page name in bytes, 1 to codec.MaxPageBytes.
	MaxPageBytes int `help:"Maximum length of a page name in bytes."`

	// PageNames are the rules for names.
	PageNames pagename.Settings `embed:""`
}

// MaxTimeout is shorter than the time that a stopping server gives its last requests.
const MaxTimeout = 4 * time.Second

// DefaultSettings are the settings in production.
func DefaultSettings() Settings {
	return Settings{CollectTimeout: MaxTimeout, MaxPageBytes: codec.MaxPageBytes}
}

// Config returns the configuration. The error is a [failure.Setting]. The caller sets the other
// fields.
func (s Settings) Config() (cfg Config, err error) {
	switch {
	case s.CollectTimeout < 10*time.Millisecond || s.CollectTimeout > MaxTimeout:
		return cfg, failure.BadSetting("collect-timeout", "%s: must be from 10ms to %s", s.CollectTimeout, MaxTimeout)
	case s.MaxPageBytes < 1 || s.MaxPageBytes > codec.MaxPageBytes:
		return cfg, failure.BadSetting("max-page-bytes", "%d: must be from 1 to %d", s.MaxPageBytes, codec.MaxPageBytes)
	}
	cfg.Timeout, cfg.MaxPageBytes = s.CollectTimeout, s.MaxPageBytes
	if s.AllowPages != "" {
		if cfg.AllowPages, err = PagePattern(s.AllowPages); err != nil {
			return cfg, failure.BadSetting("allow-pages", "%w", err)
		}
	}
	cfg.PageNames, err = s.PageNames.Rules()
	return cfg, err
}
