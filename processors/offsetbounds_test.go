package processors

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/failure"
)

func TestEndLookupAsksAgainWhereAnAnswerMayBeStale(t *testing.T) {
	began := time.Unix(1_000, 0)
	for _, c := range []struct {
		name  string
		end   int64
		after time.Duration
		want  time.Duration
	}{
		{"it is reached", 100, 0, 0},
		{"it is passed", 200, 0, 0},
		{"it is not", 99, 0, staleAnswerPause},
		{"it is not yet", 99, staleAnswers, staleAnswerPause},
		{"it never is", 99, staleAnswers + 1, 0},
		{"no stale answer explains it", 100 - maxStale, 0, 0},
		{"a stale answer may explain it", 101 - maxStale, 0, staleAnswerPause},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, NewEndLookup(3, 100, began).Again(c.end, began.Add(c.after)))
		})
	}
}

// TestOffsetBounds plays claims, look-ups and answers.
func TestOffsetBounds(t *testing.T) {
	type step struct {
		after     time.Duration
		partition int32
		// One of these happens.
		claim      int64 // in partition
		ends       int64 // answers the last look-up
		missing    bool
		unanswered bool
		want       string // look-up, or what the error says
	}
	for _, c := range []struct {
		name  string
		steps []step
	}{
		{"a small step is believed, and checked in the background", []step{
			{claim: maxStep, want: "look up 1048576"}, {claim: maxStep + 1}, {ends: maxStep}, {claim: maxStep}, {claim: maxStep + 1}}},
		{"a leap is checked before it is believed", []step{
			{claim: maxStep + 1, want: "wait for 1048577"}, {ends: maxStep + 1}, {claim: maxStep + 1}}},
		{"a leap from what is known", []step{
			{claim: 1 << 40, want: "wait for 1099511627776"}, {ends: 1 << 40}, {after: lookUpEvery, claim: 1<<40 + maxStep, want: "look up 1099512676352"},
			{claim: 1<<40 + 2*maxStep}, {claim: 1<<40 + 3*maxStep + 1, want: "wait for 1099514773505"}}},
		{"a leap above the end", []step{
			{claim: 1 << 62, want: "wait for 4611686018427387904"}, {ends: 10, want: "it claims offset 4611686018427387903 of input partition 0, which ends at offset 10"}}},
		{"a small step above the end", []step{
			{claim: 10, want: "look up 10"}, {claim: 11}, {ends: 9, want: "it claims offset 9 of input partition 0, which ends at offset 9"},
			{claim: 1, want: "it claims offset 9"}, {partition: 1, claim: 1, want: "look up 1"}}},
		{"there is no such partition", []step{
			{claim: 10, want: "look up 10"}, {missing: true, want: "it claims input partition 0, which does not exist"}, {claim: 10, want: "which does not exist"}}},
		{"no broker answers", []step{
			{claim: 10, want: "look up 10"}, {unanswered: true}, {claim: 10}, {after: lookUpEvery, claim: 12, want: "look up 12"}, {ends: 12}}},
		{"no broker answers about a leap", []step{
			{claim: maxStep + 1, want: "wait for 1048577"}, {unanswered: true}, {claim: maxStep + 1, want: "wait for 1048577"}}},
		{"one look-up at a time, and one in some seconds", []step{
			{claim: 1, want: "look up 1"}, {after: time.Minute, claim: 2}, {ends: 1}, {after: lookUpEvery - 1, claim: 3}, {after: 1, claim: 3, want: "look up 3"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, now := NewOffsetBounds("input"), time.Unix(1_000, 0)
			var last EndLookup
			for i, s := range c.steps {
				now = now.Add(s.after)
				got := ""
				var err error
				switch {
				case s.claim > 0:
					var l *EndLookup
					if l, err = b.Claim(s.partition, s.claim, now); l != nil {
						last, got = *l, fmt.Sprintf("look up %d", l.Least)
						if l.Wait {
							got = fmt.Sprintf("wait for %d", l.Least)
						}
					}
				case s.missing:
					err = b.Missing(last, now)
				case s.unanswered:
					b.Unanswered(last, now)
				default:
					err = b.Ends(last, s.ends, now)
				}
				if err != nil {
					require.ErrorIs(t, err, codec.ErrMalformed, "step %d", i)
					require.NotNil(t, failure.As(err))
					require.NotEmpty(t, s.want, "step %d: %v", i, err)
					require.ErrorContains(t, err, s.want, "step %d", i)
					continue
				}
				require.Equal(t, s.want, got, "step %d", i)
			}
		})
	}
}
