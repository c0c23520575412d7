package collect

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"pageheat/heat"
)

// nowhere is a Writer that keeps nothing.
type nowhere struct{}

func (nowhere) Write(context.Context, [][]byte) error { return nil }

func config() Config {
	return Config{Writer: nowhere{}, Limits: heat.DefaultLimits(), MaxPageBytes: 1024, Timeout: time.Second}
}

func TestConfigIsChecked(t *testing.T) {
	for name, spoil := range map[string]func(*Config){
		"writer":       func(c *Config) { c.Writer = nil },
		"longest page": func(c *Config) { c.MaxPageBytes = 1025 },
		"time":         func(c *Config) { c.Timeout = 0 },
		"clicks":       func(c *Config) { c.Limits.MaxClicks = 0 },
	} {
		cfg := config()
		spoil(&cfg)
		_, err := New(cfg)
		assert.ErrorContains(t, err, name)
	}
}
