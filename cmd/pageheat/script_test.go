package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/kafkatest"
)

func TestMain(m *testing.M) {
	testscript.Main(cleanly{m}, map[string]func(){"pageheat": main})
}

// cleanly runs the tests without the settings of the user who runs them, which the program
// under test would take, or refuse.
type cleanly struct{ *testing.M }

func (c cleanly) Run() int {
	// Scripts and documents run "pageheat" hundreds of times. It is this test, with the race
	// detector if that has it; with -short, the program that is built without, and starts in a
	// quarter of the time.
	flag.Parse()
	if program := os.Getenv("PAGEHEAT_PROGRAM"); program != "" && testing.Short() {
		_ = os.Setenv("PATH", filepath.Dir(program)+string(os.PathListSeparator)+os.Getenv("PATH")) // a name of the environment
	}
	kept := kafkatest.Environment()
	for _, entry := range os.Environ() {
		if !slices.Contains(kept, entry) {
			name, _, _ := strings.Cut(entry, "=")
			_ = os.Unsetenv(name) // a name of the environment
		}
	}
	if os.Getenv(raceSettings) == "" {
		// Otherwise each of hundreds of commands ends a second later.
		_ = os.Setenv(raceSettings, "atexit_sleep_ms=10")
	}
	return c.M.Run()
}

// raceSettings is the environment variable with the settings of the race detector.
const raceSettings = "GORACE"

// TestScripts runs the command line as a person does: see testdata/script. Each
// script has an embedded broker of its own, in PAGEHEAT_BROKERS, and besides the
// commands of testscript:
//
//	code N COMMAND ARGS...               runs a command, which must end with this exit code
//	put TOPIC KEY VALUE [HEADER=VALUE]   sends a record; null is none
//	records TOPIC                        prints the records: partition, key, value
//	topic NAME PARTITIONS [K=V...]       creates a topic
//	group NAME TOPIC                     commits an offset of a group
//	groups                               prints the names of all groups
//	join GROUP TOPIC, leave              has a member join a group, and leave it
//	until PATTERN COMMAND ARGS...        runs a command until its output matches
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			broker, err := kfake.NewCluster(kfake.NumBrokers(1))
			if err != nil {
				return err
			}
			kafkatest.WithoutTelemetry(broker)
			env.Defer(broker.Close)
			env.Values[memberKey{}] = &scriptMember{}
			env.Setenv("PAGEHEAT_BROKERS", strings.Join(broker.ListenAddrs(), ","))
			env.Setenv(raceSettings, os.Getenv(raceSettings))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": scriptCode, "put": scriptPut, "records": scriptRecords, "topic": scriptTopic,
			"group": scriptGroup, "groups": scriptGroups, "join": scriptJoin, "leave": scriptLeave, "until": scriptUntil,
		},
	})
}

// TestCompletion runs the completion scripts of the shells that not every machine has: see
// testdata/completion.
func TestCompletion(t *testing.T) {
	for _, shell := range []string{"zsh", "fish"} {
		t.Run(shell, func(t *testing.T) {
			kafkatest.NeedTool(t, shell)
			testscript.Run(t, testscript.Params{Files: []string{"testdata/completion/" + shell + ".txtar"}})
		})
	}
}

func scriptCode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		got = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s ended with %d, not %d", strings.Join(args[1:], " "), got, want)
	}
}

// scriptClient is a client of the script's broker.
func scriptClient(ts *testscript.TestScript, options ...kgo.Opt) (*kgo.Client, context.Context) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	client, err := kgo.NewClient(append(options, kgo.SeedBrokers(strings.Split(ts.Getenv("PAGEHEAT_BROKERS"), ",")...))...)
	ts.Check(err)
	ts.Defer(func() { client.Close(); cancel() })
	return client, ctx
}

// orNull is a script's word for bytes or none.
func orNull(word string) []byte {
	if word == "null" {
		return nil
	}
	return []byte(word)
}

func scriptPut(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: put TOPIC KEY VALUE [HEADER=VALUE...]")
	}
	r := &kgo.Record{Topic: args[0], Key: orNull(args[1]), Value: orNull(args[2])}
	for _, h := range args[3:] {
		name, value, _ := strings.Cut(h, "=")
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
	}
	client, ctx := scriptClient(ts)
	ts.Check(client.ProduceSync(ctx, r).FirstErr())
}

func scriptRecords(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: records TOPIC")
	}
	client, ctx := scriptClient(ts, kgo.ConsumeTopics(args[0]), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ends, err := kadm.NewClient(client).ListEndOffsets(ctx, args[0])
	ts.Check(err)
	var left int64
	ends.Each(func(o kadm.ListedOffset) { left += o.Offset })
	var lines []string
	for left > 0 {
		fetches := client.PollFetches(ctx)
		ts.Check(fetches.Err())
		for _, r := range fetches.Records() {
			left--
			key, value := strconv.Quote(string(r.Key)), strconv.Quote(string(r.Value))
			if r.Key == nil {
				key = "null"
			}
			if r.Value == nil {
				value = "null"
			}
			lines = append(lines, fmt.Sprintf("%d %s %s\n", r.Partition, key, value))
		}
	}
	slices.Sort(lines)
	_, err = ts.Stdout().Write([]byte(strings.Join(lines, "")))
	ts.Check(err)
}

func scriptTopic(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: topic NAME PARTITIONS [SETTING=VALUE...]")
	}
	partitions, err := strconv.ParseInt(args[1], 10, 32)
	ts.Check(err)
	config := map[string]*string{}
	for _, s := range args[2:] {
		name, value, _ := strings.Cut(s, "=")
		config[name] = &value
	}
	client, ctx := scriptClient(ts)
	_, err = kadm.NewClient(client).CreateTopic(ctx, int32(partitions), 1, config, args[0])
	ts.Check(err)
}

// broker starts an embedded broker and returns its addresses.
func broker(t *testing.T, options ...kfake.Opt) string {
	t.Helper()
	b, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, options...)...)
	require.NoError(t, err)
	kafkatest.WithoutTelemetry(b)
	t.Cleanup(b.Close)
	return strings.Join(b.ListenAddrs(), ",")
}
