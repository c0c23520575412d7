package codec

import (
	"iter"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestReadLetter(t *testing.T) {
	of := func(all ...Header) iter.Seq2[string, []byte] {
		return func(yield func(string, []byte) bool) {
			for _, h := range all {
				if !yield(h.Name, h.Value) {
					return
				}
			}
		}
	}
	text := func(name, value string) Header { return Header{Name: name, Value: []byte(value)} }
	assert.Equal(t, DeadLetter{Partition: -1, Offset: -1, Size: -1, KeySize: -1}, ReadDeadLetter(of()))
	assert.Equal(t, DeadLetter{Partition: -1, Offset: -1, Size: -1, KeySize: -1}, ReadDeadLetter(of(
		text(HeaderPartition, "4294967296"), text(HeaderOffset, "x"), text(HeaderSize, ""), text(HeaderTimestamp, "now"), text("pageheat.other", "1"))),
		"what cannot be read is left out, and what is ours is not the message's own")
	assert.Equal(t, DeadLetter{
		Topic: "in", TopicID: "id", Partition: 3, Offset: 7, Reason: "empty", Detail: "why", Truncated: "value,key", Size: 12, KeySize: 5, SHA256: "ab",
		Time: time.UnixMilli(1_700_000_000_123).UTC(), Own: []Header{text("mine", "1"), {Name: "mine"}},
	}, ReadDeadLetter(of(text("mine", "1"), Header{Name: "mine"}, text(HeaderOffset, "1"),
		text(HeaderTopic, "in"), text(HeaderTopicID, "id"), text(HeaderPartition, "3"), text(HeaderOffset, "7"),
		text(HeaderReason, "empty"), text(HeaderDetail, "why"), text(HeaderTruncated, "value,key"), text(HeaderSize, "12"),
		text(HeaderKeySize, "5"), text(HeaderSHA256, "ab"), text(HeaderTimestamp, "1700000000123"))), "the last of a name counts")
}
