package model_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"runtime"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/integration/model"
)

// schedules returns the number of schedules to run.
func schedules(t *testing.T) int {
	if n, ok := number(t, "PAGEHEAT_MODEL_SCHEDULES"); ok {
		return int(n)
	}
	if os.Getenv("PAGEHEAT_TEST_ALL") != "" {
		return 15_000
	}
	return 3_000
}

func number(t *testing.T, variable string) (uint64, bool) {
	text := os.Getenv(variable)
	if text == "" {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	require.NoError(t, err, variable)
	return n, true
}

// search runs the schedules of n consecutive seeds, on all CPUs, until one finds a violation. It
// returns the violation with the lowest seed.
func search(first uint64, n int, p model.Protections) (model.Outcome, model.Counts) {
	debug.SetGCPercent(400) // a world is small, and short-lived
	var (
		found  model.Outcome
		counts model.Counts
		mu     sync.Mutex
		next   atomic.Uint64
		wg     sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			var own model.Counts
			for {
				i := next.Add(1) - 1
				if i >= uint64(n) {
					break
				}
				o := model.Run(first+i, p, nil)
				own.Add(o.Counts)
				if o.Violation != nil {
					next.Store(uint64(n))
					mu.Lock()
					if found.Violation == nil || o.Seed < found.Seed {
						found = o
					}
					mu.Unlock()
				}
			}
			mu.Lock()
			counts.Add(own)
			mu.Unlock()
		})
	}
	wg.Wait()
	return found, counts
}

// TestSchedules runs schedules with every protection on. Variables of the
// environment: PAGEHEAT_MODEL_SCHEDULES=N runs N schedules, PAGEHEAT_MODEL_FROM=S
// starts at seed S instead of 1, PAGEHEAT_MODEL_SEED=S replays one seed, with a trace.
func TestSchedules(t *testing.T) {
	t.Parallel()
	if seed, ok := number(t, "PAGEHEAT_MODEL_SEED"); ok {
		o := model.Run(seed, model.All(), t.Output())
		t.Logf("stopped: %v", o.Stopped)
		require.NoError(t, o.Violation)
		return
	}
	n, first := schedules(t), uint64(1)
	if from, ok := number(t, "PAGEHEAT_MODEL_FROM"); ok {
		first = from
	}
	began := time.Now()
	found, counts := search(first, n, model.All())
	t.Logf("%d schedules in %s: %s", counts.Schedules, time.Since(began).Round(time.Millisecond), &counts)
	if found.Violation != nil {
		t.Fatalf("seed %d: %v\nreplay it with PAGEHEAT_MODEL_SEED=%d go test -run TestSchedules -v ./integration/model",
			found.Seed, found.Violation, found.Seed)
	}
	if n >= 3_000 {
		require.Subset(t, []string{"Crossed", "BoardsSwept"}, counts.Missing(), "the schedules never meet these") // but for two that are rare
		require.Less(t, counts.Stopped*10, counts.Schedules, "too many schedules end early")
	}
}

// knownSeeds has, for protections that few schedules need, a seed of one that does. A change of the model
// may make a seed stale. Then TestEachProtectionMatters searches, which takes a minute more, and
// PAGEHEAT_MODEL_UPDATE=1 go test -run TestEachProtectionMatters ./integration/model writes the file again.
const knownSeeds = "testdata/seeds.json"

// rare is the number of schedules that a search may take before its seed is worth to be known.
const rare = 100

// TestEachProtectionMatters turns off one protection at a time.
func TestEachProtectionMatters(t *testing.T) {
	t.Parallel()
	const bound = 10_000
	_, update := number(t, "PAGEHEAT_MODEL_UPDATE")
	content, err := os.ReadFile(knownSeeds)
	require.NoError(t, err)
	var known map[string]uint64
	require.NoError(t, json.Unmarshal(content, &known))
	var mu sync.Mutex
	seeds := map[string]uint64{}
	if update {
		t.Cleanup(func() {
			content, err := json.MarshalIndent(seeds, "", "\t")
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(knownSeeds, append(content, '\n'), 0o600))
		})
	}
	fields := reflect.TypeFor[model.Protections]()
	for i := range fields.NumField() {
		name := fields.Field(i).Name
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := model.All()
			reflect.ValueOf(&p).Elem().Field(i).SetBool(false)
			if seed, ok := known[name]; ok && !update {
				if o := model.Run(seed, p, nil); o.Violation != nil {
					t.Logf("with seed %d: %v", seed, o.Violation)
					return
				}
				t.Logf("seed %d is stale", seed)
			}
			found, counts := search(1, bound, p)
			require.Error(t, found.Violation, "%d schedules without it find nothing", counts.Schedules)
			t.Logf("after %d schedules, with seed %d: %v", counts.Schedules, found.Seed, found.Violation)
			if counts.Schedules >= rare {
				mu.Lock()
				seeds[name] = found.Seed
				mu.Unlock()
			}
		})
	}
}

func TestSameSeedSameSchedule(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		var first, second bytes.Buffer
		model.Run(seed, model.All(), &first)
		model.Run(seed, model.All(), &second)
		require.Equal(t, first.String(), second.String(), "seed %d", seed)
		untraced := model.Run(seed, model.All(), nil)
		require.EqualValues(t, 1, untraced.Counts.Schedules)
	}
}
