package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/lovoo/goka/storage"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/store"
)

// restoreTable reads the changelog of a partition of the heat table, from where the
// partition is up to an offset, such as that after the fence of its take-over, and waits
// for that to be committed; reached, if not nil, is told how far it is. goka's own restore,
// which hands each record on by itself and keeps statistics of it, takes twice as long; it
// finds nothing left to do then. It returns a failure.Permanent for a record that does not
// decode, and errSessionOver when ctx ends.
func restoreTable(ctx context.Context, s Settings, p *store.Partition, to int64, reached func(at int64)) error {
	table, id := s.Topology.HeatTable, p.ID()
	describe := func(err error) error {
		if ctx.Err() != nil {
			return errSessionOver
		}
		return fmt.Errorf("restoring %s partition %d: %w", table, id, err)
	}
	at, err := p.GetOffset(-1)
	if err != nil {
		return describe(err)
	}
	if at+1 >= to {
		return nil
	}
	topic, err := s.Cluster.Topic(ctx, table)
	if err != nil {
		return describe(err)
	}
	span := kafka.Span{Topic: topic, Partition: id, From: kafka.Beginning, To: to, Wait: true}
	if at >= 0 {
		span.From = at + 1
	}
	err = s.Cluster.Read(ctx, span, func(records []*kafka.Record, _ int64) error {
		for _, r := range records {
			if err := restoreRecord(p, table, id, r.Offset, string(r.Key), r.Value, removed(r)); err != nil {
				return err
			}
			at = r.Offset
		}
		if reached != nil {
			reached(at)
		}
		if at < 0 {
			return nil
		}
		return p.SetOffset(at)
	})
	if failure.As(err) != nil {
		return err
	}
	if err != nil {
		return describe(err)
	}
	return nil
}

// removed reports whether pageheat has written a record that is a tombstone.
func removed(r *kafka.Record) bool {
	return slices.ContainsFunc(r.Headers, func(h kafka.Header) bool { return h.Key == codec.HeaderRemoved })
}

// restoreRecord takes a record of the changelog, or says why the table cannot be
// trusted. removed says of a tombstone that pageheat has written it.
func restoreRecord(s storage.Storage, topic string, partition int32, offset int64, key string, value []byte, removed bool) error {
	var err error
	p, heat := s.(*store.Partition)
	switch {
	case value == nil && heat && removed:
		err = p.Remove(key)
	case value == nil && heat:
		err = p.Deleted(key, offset)
	case value == nil:
		err = s.Delete(key)
	default:
		err = s.Set(key, value)
	}
	if err == nil {
		return nil
	}
	return tableFailure(fmt.Errorf("restoring %s partition %d, offset %d: %w", topic, partition, offset, err))
}

// tableFailure is the error of a table that is not fit for use, with a hint.
func tableFailure(err error) error {
	if errors.Is(err, store.ErrDisk) {
		return err
	}
	// A newer program's table is sound, and must not be given up.
	if p := failure.As(err); p != nil && (!errors.Is(err, codec.ErrMalformed) || errors.Is(err, codec.ErrVersion)) {
		return p
	}
	return failure.New(failure.Damaged, "the table cannot be trusted: %w", err)
}
