package batches

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

const (
	// duration is the environment variable that says how long batches are sent.
	duration  = "PAGEHEAT_BATCHES"
	shortTime = 10 * time.Second
	// shortHuge and longHuge are how many bytes a huge batch becomes at most, the
	// latter where the environment says how long.
	shortHuge = 200 << 20
	longHuge  = 600 << 20
	// mostMemory is how much an instance may take.
	mostMemory = 512 << 20
	// waiting is how many bytes, unpacked, may wait to be counted.
	waiting = 256 << 20
	// settleWithin is how long what waits may take.
	settleWithin = 3 * time.Minute

	inputPartitions = 3
)

// sending is a run of batches through a pipeline of two instances.
type sending struct {
	t         *testing.T
	random    *Generator
	site      *harness.Site
	sender    *Sender
	want      *harness.Recount
	letters   map[string]int // by reason
	ends      harness.Ends   // of what may be read
	refused   map[string]int // batches, by what is wrong with them
	batches   int
	messages  int
	unpacked  int64
	largest   int
	committed int
	aborted   int
}

// TestBatches sends batches of all shapes, straight to the broker. Every behaviour
// among them is counted, every other message has its letter, and the instances stay
// within their memory and are never started again.
func TestBatches(t *testing.T) {
	long, huge, seed := shortTime, shortHuge, uint64(9)
	if text := os.Getenv(duration); text != "" {
		var err error
		long, err = time.ParseDuration(text)
		require.NoError(t, err, duration)
		huge, seed = longHuge, uint64(time.Now().UnixNano())
	}
	if text := os.Getenv("PAGEHEAT_CHAOS_SEED"); text != "" {
		var err error
		seed, err = strconv.ParseUint(text, 10, 64)
		require.NoError(t, err)
	}
	t.Logf("seed %d", seed)
	const heap = 768
	site := harness.NewSite(t, kafkatest.Real(t, 1, kafkatest.WithHeap(heap), kafkatest.WithSecurity(kafkatest.SecurityOfTests()...)), program)
	// Retention must not take what has an old timestamp.
	kafkatest.CreateTopic(t, site.Cluster, site.Input, inputPartitions, "retention.ms", "-1")
	site.Must("topics", "create")
	boards := site.Follow()
	instances := []*harness.Instance{site.Start("first"), site.Start("second")}
	ctx, cancel := context.WithTimeout(t.Context(), long+3*settleWithin)
	defer cancel()
	sender, err := NewSender(ctx, kafkatest.Client(t, site.Cluster), site.Input)
	require.NoError(t, err)
	s := &sending{t: t, random: NewGenerator(seed, huge), site: site, sender: sender, want: harness.NewRecount(),
		letters: map[string]int{}, ends: harness.Ends{}, refused: map[string]int{}}

	began := time.Now()
	s.one(ctx, must(s.random.Huge())(t))
	waits := int64(0)
	for time.Since(began) < long {
		before := s.unpacked
		if s.random.random.IntN(6) == 0 {
			s.transaction(ctx)
		} else {
			s.one(ctx, must(s.random.Next())(t))
		}
		if waits += s.unpacked - before; waits > waiting {
			s.settled(ctx, boards, instances)
			waits = 0
		}
	}
	board := s.settled(ctx, boards, instances)
	t.Logf("%d batches with %d messages, %d MiB unpacked (the largest %d MiB), of which %d behaviours; transactions: %d committed, %d aborted; refused by the broker: %v; settled after %v",
		s.batches, s.messages, s.unpacked>>20, s.largest>>20, s.want.Counted, s.committed, s.aborted, s.refused, time.Since(began).Round(time.Millisecond))

	assert.Empty(t, s.want.CompareBoard(board), "the board")
	assert.Empty(t, boards.Wrong())
	pages, err := s.want.ComparePages(ctx, instances[0])
	require.NoError(t, err)
	assert.Empty(t, pages.Wrong, "lost %d behaviours, counted %d twice", pages.Lost, pages.Twice)
	s.compareLetters(ctx)
	for _, in := range instances {
		s.judge(ctx, in)
	}
	audit := site.CommandWithin(long+settleWithin, "audit") // it unpacks all of it
	assert.Zero(t, audit.Code, "%s%s", audit.Stdout, audit.Stderr)
	for _, in := range instances {
		require.NoError(t, in.Stop())
	}
}

// must ends the test where there is an error.
func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		require.NoError(t, err)
		return value
	}
}

// one sends a batch that is its own transaction, so to say.
func (s *sending) one(ctx context.Context, b *Batch) {
	s.t.Helper()
	partition := s.random.random.Int32N(inputPartitions)
	offset, err := s.sender.Send(ctx, partition, b, Nobody(), "")
	if s.taken(b, err) {
		s.count(b, partition, offset)
	}
}

// transaction sends some batches that are committed or aborted together.
func (s *sending) transaction(ctx context.Context) {
	s.t.Helper()
	const ids, most = 3, 8
	transaction, err := s.sender.Begin(ctx, fmt.Sprintf("%s-writer-%d", s.site.Prefix, s.random.random.IntN(ids)))
	require.NoError(s.t, err)
	commit := s.random.random.IntN(3) > 0
	for range 1 + s.random.random.IntN(most) {
		b := must(s.random.Next())(s.t)
		partition := s.random.random.Int32N(inputPartitions)
		offset, err := transaction.Send(ctx, partition, b)
		if !s.taken(b, err) {
			// What follows in this partition would be out of sequence.
			commit = false
			break
		}
		if commit {
			defer func() {
				if commit {
					s.count(b, partition, offset)
				}
			}()
		}
	}
	require.NoError(s.t, transaction.End(ctx, commit))
	if commit {
		s.committed++
	} else {
		s.aborted++
	}
}

// taken checks that the broker takes what is whole and refuses what is broken.
func (s *sending) taken(b *Batch, err error) bool {
	s.t.Helper()
	s.batches++
	refusal, refused := errors.AsType[*kerr.Error](err)
	if b.Broken == "" || b.Perhaps && err == nil {
		require.NoError(s.t, err, "%v", b)
		return true
	}
	require.True(s.t, refused, "the broker took %v: %v", b, err)
	s.refused[b.Broken+": "+refusal.Message]++
	return false
}

// count records what a batch will become.
func (s *sending) count(b *Batch, partition int32, offset int64) {
	s.messages += len(b.Messages)
	s.unpacked += int64(b.Unpacked)
	s.largest = max(s.largest, b.Unpacked)
	s.ends[partition] = max(s.ends[partition], offset+int64(len(b.Messages)))
	for _, m := range b.Messages {
		if m.Reason != "" {
			s.letters[m.Reason]++
			continue
		}
		require.NoError(s.t, s.want.Add(m.Value, 1))
	}
}

// settled waits until everything that may be read is on the board.
func (s *sending) settled(ctx context.Context, boards *harness.Boards, instances []*harness.Instance) *harness.Board {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	board, err := boards.WaitFor(ctx, s.ends)
	if err != nil {
		for _, in := range instances {
			in.Quit()
		}
	}
	require.NoError(s.t, err)
	return board
}

// compareLetters counts the dead letters.
func (s *sending) compareLetters(ctx context.Context) {
	s.t.Helper()
	total := 0
	for _, n := range s.letters {
		total += n
	}
	client := kafkatest.Client(s.t, s.site.Cluster, kgo.ConsumeTopics(s.site.Prefix+"-dead-letter"),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond))
	got, at := map[string]int{}, map[string]int{}
	for read := 0; read < total; {
		fetches := client.PollFetches(ctx)
		require.NoError(s.t, fetches.Err(), "after %d of %d letters", read, total)
		fetches.EachRecord(func(r *kgo.Record) {
			read++
			own := map[string]string{}
			for _, h := range r.Headers {
				own[h.Key] = string(h.Value) // those of pageheat's own come last
			}
			got[own["pageheat.reason"]]++
			at[own["pageheat.partition"]+"/"+own["pageheat.offset"]]++
		})
	}
	s.t.Logf("dead letters: %v", got)
	assert.Equal(s.t, s.letters, got, "dead letters by reason")
	assert.Len(s.t, at, total, "each message has a letter of its own")
}

// judge looks at the most memory that an instance has taken, and at its restarts.
func (s *sending) judge(ctx context.Context, in *harness.Instance) {
	s.t.Helper()
	_, most, err := in.Memory()
	require.NoError(s.t, err)
	s.t.Logf("%s has taken %d MiB at most", in.Name(), most>>20)
	assert.Less(s.t, most, uint64(mostMemory), in.Name())
	restarts, err := in.Restarts(ctx)
	require.NoError(s.t, err)
	for role, n := range restarts {
		assert.Zero(s.t, n, "restarts of role %s of %s", role, in.Name())
	}
}
