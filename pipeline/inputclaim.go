package pipeline

import (
	"time"

	"github.com/IBM/sarama"

	"pageheat/kafka"
)

// inputSource is a claim of the input, which is read in chunks of batches as they
// stand in the log.
type inputSource interface {
	sarama.ConsumerGroupClaim
	// Chunks follow each other without a gap. The receiver calls Taken for each.
	Chunks() <-chan *kafka.Chunk
	Taken()
	// Stable is the last stable offset that the broker told: nothing from there on can
	// be read as committed.
	Stable() int64
	// Rewind drops what was fetched and reads on from an offset, after a pause.
	Rewind(next int64, pause time.Duration)
}

// inputClaim is what goka and the role see of a claim of the input.
type inputClaim struct{ *kafka.Claim }

var _ inputSource = inputClaim{}

// InitialOffset implements sarama.ConsumerGroupClaim; it is not used.
func (c inputClaim) InitialOffset() int64 { return sarama.OffsetOldest }

// HighWaterMarkOffset implements sarama.ConsumerGroupClaim.
func (c inputClaim) HighWaterMarkOffset() int64 { return c.End() }

// Messages implements sarama.ConsumerGroupClaim: there are none, but chunks.
func (c inputClaim) Messages() <-chan *sarama.ConsumerMessage { return nil }
