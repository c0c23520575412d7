package events_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/events"
	"pageheat/failure"
)

func TestSettings(t *testing.T) {
	_, err := events.DefaultSettings().Rules()
	require.NoError(t, err)
	for name, test := range map[string]struct {
		change        func(*events.Settings)
		setting, says string
	}{
		"no board":       {func(s *events.Settings) { s.EventsBoards = nil }, "events-boards", "at least one"},
		"no pattern":     {func(s *events.Settings) { s.EventsBoards = []string{"a", "(b"} }, "events-boards", `"(b" is not a regular expression`},
		"no kind":        {func(s *events.Settings) { s.EventsKinds = nil }, "events-kinds", "at least one"},
		"other kind":     {func(s *events.Settings) { s.EventsKinds = []string{"rose", "fell"} }, "events-kinds", `"fell": choose among`},
		"no place":       {func(s *events.Settings) { s.EventsRise = 0 }, "events-rise", "from 1 to 1000"},
		"too many":       {func(s *events.Settings) { s.EventsRise = 1001 }, "events-rise", "from 1 to 1000"},
		"too short":      {func(s *events.Settings) { s.EventsRiseWithin = time.Millisecond }, "events-rise-within", "from 1s to 168h"},
		"longer than it": {func(s *events.Settings) { s.EventsRiseWithin = 200 * time.Hour }, "events-rise-within", "from 1s to 168h"},
	} {
		t.Run(name, func(t *testing.T) {
			s := events.DefaultSettings()
			test.change(&s)
			_, err := s.Rules()
			var bad *failure.Setting
			require.ErrorAs(t, err, &bad)
			assert.Equal(t, test.setting, bad.Name)
			assert.ErrorContains(t, err, test.says)
		})
	}
}
