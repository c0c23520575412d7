package snapshot

import (
	"context"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/kafka"
)

// EachMessage parses the messages of an input partition with offsets in [from, to), in order, and
// passes them on: either the behaviour or the reason for refusing the message. All arguments are
// only valid during the call. It reports finished offsets to read.
//
// It reads the input differently than ingest does, with the client that decompresses and decodes
// batches itself, so that a mistake in reading cannot hide.
func EachMessage(ctx context.Context, cluster *kafka.Cluster, input Topic, partition int32, from, to int64, limits heat.Limits,
	each func(r *kafka.Record, b heat.Behaviour, refusal *codec.Refusal), read func(offsets int),
) error {
	return input.Read(ctx, cluster, partition, from, to, func(records []*kafka.Record, next int64) error {
		for _, r := range records {
			behaviour, refusal := codec.ParseBehaviour(r.Value, limits)
			each(r, behaviour, refusal)
		}
		read(int(next - from))
		from = next
		return nil
	})
}
