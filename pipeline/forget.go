package pipeline

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
	"pageheat/processors"
)

const (
	// forgetPause is the pause after the forget topic could not be read, and before it is looked up again where it
	// does not exist.
	forgetPause = 5 * time.Second
	// forgetLook is the time between two looks at the id of the forget topic: one that was recreated is read from its
	// beginning.
	forgetLook = 30 * time.Second
)

// forgetRequest is a record of the forget topic, with the topic's id.
type forgetRequest struct {
	*kafka.Record
	topic codec.TopicID
}

// forgets follows the forget topic for the heat partitions of a session. The group does not read it: its balance of the
// behaviour topic would have to keep the partitions of both together.
type forgets struct {
	*Heat
	from  map[int32]codec.ForgetProgress // what is read next
	tasks map[int32]*task
	told  string // the last error that was logged
}

// followForgets hands requests to the partitions of a session until it ends.
func (h *Heat) followForgets(s *session) {
	f := &forgets{Heat: h, from: make(map[int32]codec.ForgetProgress), tasks: make(map[int32]*task)}
	h.mu.Lock()
	for p, t := range h.tasks {
		progress, _ := t.partition.Progress()
		f.from[p], f.tasks[p] = progress.Forget, t
	}
	h.mu.Unlock()
	ctx, cancel := context.WithCancel(s.real())
	ended := make(chan struct{})
	h.unfollow = func() {
		cancel()
		<-ended
	}
	go func() {
		defer close(ended)
		f.run(ctx)
	}()
}

// run follows the topic until ctx ends, whatever happens to the topic: without it everything but forgetting works.
func (f *forgets) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := f.follow(ctx)
		if err == nil || ctx.Err() != nil {
			continue // it is another topic
		}
		if err.Error() != f.told && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			f.told = err.Error()
			f.config.Logger.With("topic", f.config.Topology.Forget).Warn("no pages can be forgotten until the topic can be read", failure.Attrs(err)...)
		}
		select {
		case <-time.After(forgetPause):
		case a := <-f.forgetsAgain:
			f.again(a)
		case <-ctx.Done():
		}
	}
}

// again has the requests of a partition handed out from an offset on once more.
func (f *forgets) again(a forgetsAgain) {
	f.from[a.partition] = a.from
	close(a.done)
}

// follow reads the topic on; it returns nil when the topic was recreated, is to be read again, or ctx has ended.
func (f *forgets) follow(ctx context.Context) error {
	name := f.config.Topology.Forget
	topic, err := f.config.Cluster.Topic(ctx, name)
	if err != nil {
		return err
	}
	if err := processors.SamePartitions(name, int(f.partitions.Load()), len(topic.Leaders)); err != nil {
		return err
	}
	bounds, err := f.config.Cluster.AllBounds(ctx, name)
	if err != nil {
		return err
	}
	offsets := make(map[int32]int64, len(f.from))
	for p, at := range f.from {
		offsets[p] = at.Next
		if at.Topic != topic.ID || at.Next < bounds[p].Start || at.Next > bounds[p].End {
			offsets[p] = bounds[p].Start
		}
	}
	records, err := f.config.Cluster.Follow(ctx, "forget", name, offsets)
	if err != nil {
		return err
	}
	defer records.Close()
	look := time.NewTicker(forgetLook)
	defer look.Stop()
	for {
		select {
		case r, ok := <-records.Records():
			if !ok {
				return records.Err()
			}
			select {
			case f.tasks[r.Partition].forgets <- forgetRequest{r, topic.ID}:
			case a := <-f.forgetsAgain:
				f.again(a)
				return nil
			case <-ctx.Done():
				return nil
			}
			f.from[r.Partition] = codec.ForgetProgress{Topic: topic.ID, Next: r.Offset + 1}
			f.told = ""
		case a := <-f.forgetsAgain:
			f.again(a)
			return nil
		case <-look.C:
			if now, err := f.config.Cluster.Topic(ctx, name); err == nil && now.ID != topic.ID {
				return nil
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// takeForget gives the stage a record of the forget topic.
func (d *heatDriver) takeForget(r forgetRequest) error {
	refused, err := d.stage.Forget(r.Key, r.Value, r.topic, r.Offset)
	if err != nil {
		return fmt.Errorf("%s partition %d, %w", r.Topic, r.Partition, err)
	}
	if refused != nil {
		d.config.Logger.Error("a request to forget a page was refused: no page is forgotten", "topic", r.Topic, "partition", r.Partition,
			"offset", r.Offset, "error", refused, "hint", "send requests with `pageheat forget` alone, and look for the program that wrote this one")
	}
	return nil
}
