package pipeline

import (
	"context"
	"time"

	"pageheat/codec"
	"pageheat/kafka"
)

// transaction is the owner of a table partition, which it has taken over with a fence.
type transaction struct {
	*kafka.Owner
	last    string // the key of the record that ends a transaction
	fence   codec.Fence
	fenceAt int64 // its offset
}

// takeOver makes this process the owner of a table partition with a fence record, up to
// which the partition must be restored. The owner's name in the fence must not have been
// used before. The session ends when the partition must be given up; ctx may end before.
func takeOver(ctx context.Context, s Settings, own kafka.Ownership, last, owner string) (*transaction, error) {
	fence := codec.Fence{Owner: owner, TakenAt: time.Now().UnixMilli()}
	inner, err := s.Cluster.TakeOver(ctx, own, codec.FenceKey(own.Partition), codec.AppendFence(nil, fence))
	if err != nil {
		return nil, err
	}
	return &transaction{Owner: inner, last: last, fence: fence, fenceAt: inner.TakenAt()}, nil
}
