package collect

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/failure"
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
