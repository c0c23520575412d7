package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// lines are the lines of a JSON log.
func lines(t *testing.T, log *bytes.Buffer) []map[string]any {
	t.Helper()
	var all []map[string]any
	for line := range strings.Lines(log.String()) {
		var attributes map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &attributes), line)
		all = append(all, attributes)
	}
	return all
}

func TestFormats(t *testing.T) {
	for _, c := range []struct {
		format     string
		onTerminal bool
		json       bool
	}{{"auto", true, false}, {"auto", false, true}, {"text", false, false}, {"json", true, true}} {
		var out bytes.Buffer
		log := Settings{Level: "info", Format: c.format}.Open(&out, c.onTerminal)
		defer log.Close()
		assert.Equal(t, c.json, log.JSON, "%+v", c)
		log.Info("ready", "restored_in", 1500*time.Millisecond)
		if !c.json {
			assert.Contains(t, out.String(), "level=INFO msg=ready restored_in=1.5s\n", "%+v", c)
			continue
		}
		assert.Equal(t, "1.5s", lines(t, &out)[0]["restored_in"], "%+v", c)
	}
}

func TestLevels(t *testing.T) {
	var out bytes.Buffer
	log := Settings{Level: "info", Format: "json"}.Open(&out, false)
	defer log.Close()
	log.Debug("one")
	log.Quieten()
	log.Info("two")
	log.SetLevel(Settings{Level: "debug"})
	log.Quieten()
	log.Debug("three")
	require.Len(t, lines(t, &out), 1)
	assert.Equal(t, "three", lines(t, &out)[0]["msg"])
}

// TestNothingRepeatsWithinAMinute: the first line comes at once, then one a minute with the number
// of those that it stands for.
func TestNothingRepeatsWithinAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := Settings{Level: "info", Format: "json"}.Open(&out, false)
		defer log.Close()
		heat := log.With("role", "heat", "partition", 1)
		for i := range 150 { // every second
			heat.Warn("cannot write", "error", fmt.Errorf("attempt %d", i))
			time.Sleep(time.Second)
		}
		time.Sleep(5 * time.Minute)
		heat.Warn("cannot write", "error", errors.New("much later"))
		all := lines(t, &out)
		require.Len(t, all, 5, "%s", &out)
		assert.Equal(t, "attempt 0", all[0]["error"])
		assert.NotContains(t, all[0], keySuppressed)
		total := 1.0
		for i, line := range all[1:4] {
			assert.Equal(t, "heat", line["role"])
			assert.InDelta(t, 1, line["partition"], 0)
			total += line[keySuppressed].(float64)
			assert.Equal(t, fmt.Sprintf("attempt %.0f", total-1), line["error"], "the last one, line %d", i)
			assert.NotEmpty(t, line[keyLastAt])
		}
		assert.InDelta(t, 150, total, 0)
		assert.Equal(t, "much later", all[4]["error"])
		assert.NotContains(t, all[4], keySuppressed)
		var before time.Time
		for _, line := range all {
			at, err := time.Parse(time.RFC3339Nano, line["time"].(string))
			require.NoError(t, err)
			assert.GreaterOrEqual(t, at.Sub(before), window)
			before = at
		}
	})
}

// TestWhatIsNoRepetition: the subject differs, or everything was asked for.
func TestWhatIsNoRepetition(t *testing.T) {
	var out bytes.Buffer
	log := Settings{Level: "debug", Format: "json"}.Open(&out, false)
	log.Info("restored", "role", "heat", "partition", 1)
	log.Info("restored", "role", "heat", "partition", 2)
	log.With("role", "pages").Info("restored", "partition", 2)
	log.Info("gave up", "role", "heat", "partition", 2)
	log.Info("gave up", "role", "heat", "partition", 2) // a repetition
	for range 3 {
		log.Debug("a request")
	}
	require.Len(t, lines(t, &out), 7, "%s", &out)
	log.Close()
	log.Info("restored", "role", "heat", "partition", 1)
	log.Info("restored", "role", "heat", "partition", 1)
	require.Len(t, lines(t, &out), 9, "closed: %s", &out)
}

// TestMemoryIsBounded: a flood of different lines is written, and not remembered.
func TestMemoryIsBounded(t *testing.T) {
	var out bytes.Buffer
	log := Settings{Level: "info", Format: "json"}.Open(&out, false)
	defer log.Close()
	for i := range 2 * mostRemembered {
		log.Info("restored", "partition", i)
	}
	assert.Len(t, log.repeats.recent, mostRemembered)
	assert.Len(t, lines(t, &out), 2*mostRemembered)
}

func BenchmarkSuppressed(b *testing.B) {
	log := Settings{Level: "info", Format: "json"}.Open(&bytes.Buffer{}, false)
	defer log.Close()
	heat := log.With("role", "heat", "partition", 1)
	for b.Loop() {
		heat.Info("restored", "offset", 17)
	}
}
