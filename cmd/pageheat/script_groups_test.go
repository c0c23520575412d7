package main

import (
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func scriptGroup(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: group NAME TOPIC")
	}
	client, ctx := scriptClient(ts)
	var offsets kadm.Offsets
	offsets.AddOffset(args[1], 0, 0, -1)
	_, err := kadm.NewClient(client).CommitOffsets(ctx, args[0], offsets)
	ts.Check(err)
}

func scriptGroups(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: groups")
	}
	client, ctx := scriptClient(ts)
	groups, err := kadm.NewClient(client).ListGroups(ctx)
	ts.Check(err)
	_, err = ts.Stdout().Write([]byte(strings.Join(groups.Groups(), "\n") + "\n"))
	ts.Check(err)
}

// memberKey is the key of the value that holds the member of a script.
type memberKey struct{}

type scriptMember struct{ *kgo.Client }

func scriptJoin(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: join GROUP TOPIC")
	}
	joined := make(chan struct{})
	client, ctx := scriptClient(ts, kgo.ConsumerGroup(args[0]), kgo.ConsumeTopics(args[1]),
		kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, assigned map[string][]int32) {
			if len(assigned) > 0 {
				close(joined)
			}
		}))
	go client.PollFetches(ctx)
	select {
	case <-joined:
	case <-ctx.Done():
		ts.Fatalf("the member does not join")
	}
	member, ok := ts.Value(memberKey{}).(*scriptMember)
	if !ok {
		ts.Fatalf("the script has no place for a member")
	}
	member.Client = client
}

func scriptLeave(ts *testscript.TestScript, neg bool, args []string) {
	member, ok := ts.Value(memberKey{}).(*scriptMember)
	if neg || len(args) != 0 || !ok || member.Client == nil {
		ts.Fatalf("usage: leave, after join")
	}
	member.Close()
}

func scriptUntil(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: until PATTERN COMMAND ARGS...")
	}
	pattern, err := regexp.Compile("(?m)" + args[0])
	ts.Check(err)
	for end := time.Now().Add(60 * time.Second); ; {
		_ = ts.Exec(args[1], args[2:]...) // it may fail until then
		if pattern.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("no line is like %s", args[0])
		}
	}
}
