package processors

import (
	"errors"
	"fmt"
	"time"

	"pageheat/codec"
	"pageheat/topology"
)

// mostForgets is the maximum number of records of the forget topic that wait, and so of pages that one commit
// forgets.
const mostForgets = 256

// forgetRecord is a record of the forget topic.
type forgetRecord struct {
	request *codec.Forget // nil if the record is passed over
	topic   codec.TopicID
	offset  int64
}

// Forget takes the record at an offset of the partition's part of the forget topic, which has an id; a nil value is a
// tombstone. The page is forgotten with a commit of its own: it begins when no other one is under way. A request that is
// refused is passed over; the caller tells the operator why. The error is permanent: the record is of another version.
func (s *HeatStage) Forget(key, value []byte, topic codec.TopicID, offset int64) (refused, err error) {
	r, refused, err := readForget(key, value, s.partition.ID(), s.start.Partitions)
	if err != nil {
		return nil, fmt.Errorf("offset %d: %w", offset, err)
	}
	s.forgets = append(s.forgets, forgetRecord{r, topic, offset})
	s.pace.spread = 0 // they wait for the commit under way
	return refused, nil
}

// takesForgets reports whether more records of the forget topic may wait.
func (s *HeatStage) takesForgets() bool { return !s.ending && len(s.forgets) < mostForgets }

// readForget returns the request in a record of a partition of the forget topic, nil if there is none to take in.
func readForget(key, value []byte, partition, partitions int32) (r *codec.Forget, refused, err error) {
	if value == nil {
		return nil, nil, nil
	}
	r, err = codec.DecodeForgetRecord(key, value)
	switch {
	case errors.Is(err, codec.ErrVersion):
		return nil, nil, err
	case err != nil:
		return nil, err, nil
	case r.Number > 0: // taken in by an earlier commit
		return nil, nil, nil
	}
	if r.Page != "" {
		r.Placed = topology.Hash(r.Page)
	}
	if at := topology.PartitionOf(r.Placed, int(partitions)); at != partition {
		return nil, fmt.Errorf("%w: a request for a page of heat partition %d is in partition %d", codec.ErrMalformed, at, partition), nil
	}
	return r, nil, nil
}

// forget takes the requests that wait in, and begins the commit that has them. Until it is done, no leaders are sent: what
// they show must not come back after a crash.
func (s *HeatStage) forget(now time.Time) error {
	for _, f := range s.forgets {
		if f.request == nil {
			s.partition.SkipForget(f.topic, f.offset)
			continue
		}
		if err := s.partition.Forget(f.request, f.topic, f.offset); err != nil {
			return err
		}
		s.forgetting = true
	}
	clear(s.forgets)
	s.forgets = s.forgets[:0]
	if s.forgetting {
		s.begin(now)
	}
	return nil
}

// begin begins a commit. Its records are spread over time unless leaders wait for it.
func (s *HeatStage) begin(now time.Time) {
	if s.checkpoint, s.began = s.partition.Checkpoint(), now; s.checkpoint == nil { // the partition has failed
		return
	}
	s.taken, s.pace = s.checkpoint.Forgets(), pace{}
	if !s.forgetting {
		s.pace.spread = s.spread(s.checkpoint.Size())
	}
}

// writeTaken writes a request that was taken in, without the name of its page, in the place of the request.
func (s *HeatStage) writeTaken() Action {
	r := s.taken[0]
	s.taken = s.taken[1:]
	message := codec.AppendWrite([]byte{byte(codec.FeedForget)}, s.partition.ID())
	return Action{Do: DoFeed, Key: r.Key(), Value: codec.AppendForget(message, r)}
}
