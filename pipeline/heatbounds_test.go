package pipeline

import (
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/IBM/sarama"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/kafka"
	"pageheat/store"
)

func quiet() Settings {
	return Settings{Logger: slog.New(slog.DiscardHandler), Metrics: NewMetrics(prometheus.NewRegistry())}
}

// backlog is a claim that always has another range, of pages that none before had.
type backlog struct {
	fakeClaim
	ranges chan *sarama.ConsumerMessage
}

func (b *backlog) Messages() <-chan *sarama.ConsumerMessage { return b.ranges }

func (b *backlog) feed(pages int, done <-chan struct{}) {
	defer close(b.ranges)
	for offset := int64(0); ; offset++ {
		from := offset*int64(pages) - 1
		header := codec.RangeHeader{Input: codec.TopicID{7}, Targets: 1, From: from, To: from + int64(pages), Limits: heat.DefaultLimits()}
		msg := codec.AppendRangeHeader(nil, header, pages)
		for page := range pages {
			msg = codec.AppendPageSum(msg, fmt.Sprint("/", offset, "/", page), &heat.Totals{Behaviours: 1})
		}
		select {
		case b.ranges <- &sarama.ConsumerMessage{Value: msg, Offset: offset}:
		case <-done:
			return
		}
	}
}

// What is applied while a checkpoint is written is bounded by what the next transaction can
// write in a quarter of its timeout, from the first checkpoint of a process on.
func TestWhatIsAppliedAheadOfACommitIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const perPage = time.Millisecond // goka is slow
		s := testSession(&fakeSession{ctx: t.Context(), offsets: make(map[int32]int64)})
		claim := &backlog{ranges: make(chan *sarama.ConsumerMessage)}
		done := make(chan struct{})
		go claim.feed(500, done)
		h := NewHeat(HeatConfig{Settings: quiet(), CommitEvery: time.Hour, PublishEvery: time.Hour}, "owner")
		h.bounds = allExist(0)
		h.topics = &topics{}
		h.topics.trims.Store(mostTrims) // there is no broker to delete records
		h.partitions.Store(1)
		partition := store.New(store.Config{Partitions: 1, Scorer: heat.DefaultWeights(), Top: 10})
		partition.Begin(codec.TopicID{2}, 0)
		out := newFeeder(claim)
		task := &task{partition: partition, transaction: &transaction{tableOwner: &kafka.Owner{}, last: codec.ProgressKey(0)}}
		f := newHeatDriver(h, s, task, out, perPage)
		most, pages, commits := 0, 0, 0
		marked := make(chan struct{})
		go func() {
			defer close(marked)
			for m := range out.messages {
				switch {
				case m.Key == nil: // leaders
				case string(m.Key) == codec.ProgressKey(0):
					most, pages = max(most, pages), 0
					if commits++; commits == 5 {
						close(done)
					}
				default:
					pages++
					time.Sleep(perPage)
				}
				out.mark(m.Offset)
			}
		}()
		require.NoError(t, out.drive(t.Context(), s.real(), f))
		close(out.messages)
		<-marked
		require.GreaterOrEqual(t, commits, 5)
		// It may be one range more.
		require.LessOrEqual(t, time.Duration(most-500)*perPage, kafka.TransactionTimeout/4)
	})
}
