package failure_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"github.com/hashicorp/go-multierror"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/failure"
)

func TestWhatNoSecondTryMends(t *testing.T) {
	gap := failure.Known("a range is missing", failure.Missing)
	for name, c := range map[string]struct {
		err  error
		hint string
		text string
	}{
		"nothing":      {},
		"any other":    {err: io.EOF},
		"known":        {err: fmt.Errorf("%w: from 7", gap), hint: failure.Missing, text: "a range is missing: from 7: " + failure.Missing},
		"joined":       {err: errors.Join(io.EOF, gap), hint: failure.Missing},
		"collected":    {err: multierror.Append(nil, io.EOF, gap), hint: failure.Missing},
		"made":         {err: fmt.Errorf("a role: %w", failure.New("do this", "offset %d: %w", 7, io.EOF)), hint: "do this", text: "a role: offset 7: EOF: do this"},
		"asked twice":  {err: fmt.Errorf("a role: %w", failure.As(fmt.Errorf("heat: %w", failure.New("do this", "offset %d", 7)))), hint: "do this", text: "a role: heat: offset 7: do this"},
		"two hints":    {err: failure.New("then that", "heat: %w", failure.New("do this", "offset 7")), hint: "then that", text: "heat: offset 7: do this: then that"},
		"joined made":  {err: fmt.Errorf("a role: %w: %w", io.EOF, failure.New("do this", "offset 7")), hint: "do this", text: "a role: EOF: offset 7: do this"},
		"made of such": {err: failure.New("do this", "offset 7: %w", gap), hint: "do this"},
	} {
		t.Run(name, func(t *testing.T) {
			p := failure.As(c.err)
			if c.hint == "" {
				require.Nil(t, p)
				return
			}
			require.NotNil(t, p)
			assert.Equal(t, c.hint, p.Hint)
			if c.text != "" {
				assert.EqualError(t, p, c.text)
			}
		})
	}
	require.ErrorIs(t, fmt.Errorf("%w: from 7", gap), gap)
	require.NotErrorIs(t, gap, failure.Known("a range is missing", failure.Missing), "each is itself")
}

func TestAttributesOfALogLine(t *testing.T) {
	assert.Equal(t, []any{"error", io.EOF}, failure.Attrs(io.EOF))
	assert.Equal(t, []any{"error", "a role: offset 7", "hint", "do this"}, failure.Attrs(fmt.Errorf("a role: %w", failure.New("do this", "offset 7"))))
	assert.Equal(t, []any{"error", "heat: offset 7: do this", "hint", "then that"}, failure.Attrs(failure.New("then that", "heat: %w", failure.New("do this", "offset 7"))))
}

// TestHintsNameSectionsThatExist: an operator looks them up.
func TestHintsNameSectionsThatExist(t *testing.T) {
	manual, err := os.ReadFile("../docs/operations.md")
	require.NoError(t, err)
	for _, hint := range []string{failure.Recreated, failure.Missing, failure.Damaged, failure.Malformed, failure.TooLarge, failure.Instance,
		failure.Settings, failure.Rights, failure.Partitions, failure.Deleted, failure.Tombstone, failure.Output, failure.Foreign, failure.WentBack, failure.Version,
		failure.StartOver, failure.Gone, failure.Clock} {
		assert.Contains(t, string(manual), "# "+section(hint)+"\n", hint)
	}
}

// section is what a hint quotes last.
func section(hint string) string {
	end := len(hint) - len(`" in docs/operations.md`)
	for begin := end - 1; begin >= 0; begin-- {
		if hint[begin] == '"' {
			return hint[begin+1 : end]
		}
	}
	return hint
}
