package kafka

import "time"

const (
	// nearFor is how long a replica in the same rack is read before the leader is asked again
	// which one to read, as Java's client does with each refresh of metadata.
	nearFor = 5 * time.Minute
	// farFor is how long the leader itself is read after a replica has failed.
	farFor = 30 * time.Second
)

// nearReplica is the replica in the same rack that the leader of a partition named. The owner of
// the partition guards it.
type nearReplica struct {
	broker int32     // -1 if there is none
	until  time.Time // when the leader is asked again
	far    time.Time // until when the leader itself is read
}

// prefer sets what the leader named.
func (n *nearReplica) prefer(broker int32, now time.Time) {
	n.broker, n.until = broker, now.Add(nearFor)
}

// at returns the broker to ask, if it is not the leader.
func (n *nearReplica) at(now time.Time) (broker int32, is bool) {
	if n.expired(now) {
		n.broker = -1
	}
	return n.broker, n.broker >= 0
}

// expired reports whether it is time to ask the leader again.
func (n *nearReplica) expired(now time.Time) bool { return n.broker >= 0 && !now.Before(n.until) }

// failed goes back to the leader if a replica was read.
func (n *nearReplica) failed(now time.Time) {
	if n.broker >= 0 {
		n.broker, n.far = -1, now.Add(farFor)
	}
}

// wanted reports whether the leader may name one.
func (n *nearReplica) wanted(now time.Time) bool { return !now.Before(n.far) }
