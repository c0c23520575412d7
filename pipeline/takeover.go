package pipeline

import (
	"context"
	"time"

	"pageheat/codec"
	"pageheat/kafka"
)

// tableOwner is what a transaction needs of a *kafka.Owner.
type tableOwner interface {
	BelongsTo(session context.Context, dropped, renew func())
	Write(ctx context.Context, key string, value []byte) error
	Add(ctx context.Context, r *kafka.Record) error
	Commit(ctx context.Context, key string, value []byte, done func(error))
	End() int64
	GiveUp(err error)
}

// transaction is the owner of a table partition, which it has taken over with a fence.
type transaction struct {
	tableOwner
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
	return &transaction{tableOwner: inner, last: last, fence: fence, fenceAt: inner.TakenAt()}, nil
}
