package hostile

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/integration/harness"
)

// TestGarbageInOwnTopics writes garbage into each of pageheat's own topics: the instance exits
// and names topic, partition and offset; so does a restart.
func TestGarbageInOwnTopics(t *testing.T) {
	topics := []string{"-behavior", "-heat-table", "-leaders", "-rank-table", "-output", "-forget", "-alert-table", "-events"}
	if !wholeSuite() {
		topics = []string{"-leaders", "-forget"}
	}
	for _, topic := range topics {
		for name, r := range map[string]*kgo.Record{
			"random bytes": {Key: []byte{0xfe, 0, 7}, Value: []byte{0xff, 0x00, 0xc3, 0x28, 1, 2, 3}},
			"long":         {Key: []byte("all-time"), Value: bytes.Repeat([]byte{0x7f}, 100_000)},
			"null":         {Key: []byte("all-time")},
			"text":         {Key: []byte("all-time"), Value: []byte(`{"board":"all-time","version":"x"}`)},
		} {
			if !wholeSuite() && name != "random bytes" {
				continue
			}
			t.Run(topic[1:]+" "+name, func(t *testing.T) {
				site := harness.NewSite(t, shared.kafka.Cluster(t), shared.program)
				site.Create(inputPartitions, "--events")
				a := attackOn(t, site, "--events")
				r.Topic = a.Prefix + topic
				a.write(r)
				a.good()
				judgeEither(a, r)
			})
		}
	}
}

// TestARequestOfANewerVersion is in the way of every start, until the operator does what the documents say.
func TestARequestOfANewerVersion(t *testing.T) {
	a := newAttack(t)
	r := a.write(&kgo.Record{Topic: a.Prefix + "-forget", Key: []byte(codec.ForgetKey(codec.HashPage("/a"), codec.RequestID{1})), Value: []byte{99}})
	a.endsSaying(r.Topic, "partition", "offset", "version of pageheat")
	a.in = a.Start("again")
	a.endsSaying(r.Topic, "partition", "offset", "version of pageheat")
	_, err := a.admin().DeleteTopics(a.ctx, r.Topic)
	require.NoError(t, err)
	a.Must("topics", "create")
	a.in = a.Start("without")
	a.goesOn()
}

// judgeEither accepts both: it continues and is exact, or it exits and names the record. Damage
// in the table shows at the next start at the latest.
func judgeEither(a *attack, r *kgo.Record) {
	a.t.Helper()
	if endedBeforeBoard(a) {
		a.endsSaying(r.Topic, "partition", "offset")
		assert.Regexp(a.t, `docs/operations\.md|an output of its own|version of pageheat`, a.in.LastWords())
	} else {
		a.t.Log("it goes on")
		a.counts()
		a.drains(0)
	}
	// A record that is only read at startup must not block the next start.
	a.in = a.Start("again", a.flags...)
	if endedBeforeBoard(a) {
		a.endsSaying(r.Topic, "offset")
		assert.Regexp(a.t, `docs/operations\.md|an output of its own|version of pageheat`, a.in.LastWords())
		return
	}
	a.t.Log("it goes on after a restart")
	a.counts()
	audit := a.Command("audit")
	assert.Zero(a.t, audit.Code, "%s%s", audit.Stdout, audit.Stderr)
	a.drains(0)
}

// endedBeforeBoard waits until everything is counted, or the instance has ended.
func endedBeforeBoard(a *attack) bool {
	a.t.Helper()
	a.good()
	for {
		if _, ended := a.in.Ended(); ended {
			return true
		}
		asked, cancel := withTimeout(a.ctx, pollEvery)
		_, err := a.boards.WaitFor(asked, a.ends)
		cancel()
		if err == nil {
			return false
		}
		if a.ctx.Err() != nil {
			words := a.in.LastWords()
			a.in.Quit()
			a.t.Fatalf("it neither goes on nor ends: %s", strings.TrimSpace(words))
		}
	}
}
