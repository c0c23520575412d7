package codec

import (
	"fmt"
	"strconv"
)

// HeaderNoKey marks, on its way from a callback to the producer, a record that
// has no key: goka's Emit takes a string, in which an empty key and none are
// the same. The producer takes it off.
const HeaderNoKey = "pageheat.no-key"

const (
	// HeaderOwn holds, on its way from a callback to the producer, the headers that a
	// message had of its own, as [AppendHeaders] does: goka's are without order, and
	// each name is there once.
	HeaderOwn = "pageheat.own-headers"
	// HeaderTime is, on the same way, the record's timestamp in ms since 1970, as a
	// decimal.
	HeaderTime = "pageheat.own-time"
)

// PartitionKey is the key of a record that is meant for one partition.
func PartitionKey(partition int32) string { return strconv.FormatInt(int64(partition), 10) }

// KeyPartition reads a PartitionKey.
func KeyPartition(key string) (int32, error) {
	n, err := strconv.ParseInt(key, 10, 32)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("the key %q does not name a partition", key)
	}
	return int32(n), nil
}
