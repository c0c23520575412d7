package collect

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/failure"
	"pageheat/heat"
	"pageheat/pagename"
)

func TestSettingsOutOfRange(t *testing.T) {
	for setting, change := range map[string]func(*Settings){
		"max-page-bytes":  func(s *Settings) { s.MaxPageBytes = 1025 },
		"collect-timeout": func(s *Settings) { s.CollectTimeout = MaxTimeout + time.Millisecond },
		"allow-pages":     func(s *Settings) { s.AllowPages = "(" },
	} {
		s := DefaultSettings()
		change(&s)
		_, err := s.Config()
		wrong, ok := errors.AsType[*failure.Setting](err)
		require.True(t, ok, "%s: %v", setting, err)
		assert.Equal(t, setting, wrong.Name)
	}
	_, err := DefaultSettings().Config()
	require.NoError(t, err)
}

// TestNamesAreChangedByTheRules: before they are validated, in text and in JSON.
func TestNamesAreChangedByTheRules(t *testing.T) {
	s := DefaultSettings()
	s.AllowPages = "/[a-z]+"
	s.PageNames = pagename.Settings{LowerCase: true, StripTrailingSlash: true, Rewrite: []string{"^/gone$ -> ", "^/bar$ -> /a|b"}}
	cfg, err := s.Config()
	require.NoError(t, err)
	cfg.Limits = heat.DefaultLimits()
	batch := New(cfg).Judge([]byte("/Docs/|1|0.5|0\n/ok|1|0|1\n/gone|1|0|0\n/bar|1|0|0\n/no/where|1|0|0\n"), 10)
	assert.Equal(t, [][]byte{[]byte("/docs|1|0.5|0"), []byte("/ok|1|0|1")}, batch.valid)
	require.Len(t, batch.Refused, 3)
	assert.Equal(t, []string{"page-empty", "field-count", ReasonPageNotAllowed}, []string{batch.Refused[0].Reason, batch.Refused[1].Reason, batch.Refused[2].Reason})
	batch = New(cfg).Judge([]byte(`{"page":"/Docs/","clicks":1}`), 10)
	assert.Equal(t, [][]byte{[]byte("/docs|1|0|0")}, batch.valid)

	s.PageNames.Rewrite = []string{"("}
	_, err = s.Config()
	assert.ErrorContains(t, err, "--page-rewrite")
}
