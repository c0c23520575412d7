package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
)

// TestTruncatedDeadLetters: a dead letter matches only the message whose size and checksum it
// has.
func TestTruncatedDeadLetters(t *testing.T) {
	key, value := []byte("a long key"), []byte("a long value")
	sum := sha256.Sum256(value)
	truncated := func(what string) []kgo.RecordHeader {
		return []kgo.RecordHeader{
			{Key: codec.HeaderTruncated, Value: []byte("value")}, // of the message's own
			{Key: codec.HeaderTopic, Value: []byte("input")}, {Key: codec.HeaderPartition, Value: []byte("1")}, {Key: codec.HeaderOffset, Value: []byte("7")},
			{Key: codec.HeaderSize, Value: []byte("12")}, {Key: codec.HeaderSHA256, Value: []byte(hex.EncodeToString(sum[:]))},
			{Key: codec.HeaderKeySize, Value: []byte("10")}, {Key: codec.HeaderTruncated, Value: []byte(what)},
		}
	}
	for name, r := range map[string]*kgo.Record{
		"nothing": {Key: key, Value: value, Headers: truncated("")},
		"value":   {Key: key, Value: value[:3], Headers: truncated("value")},
		"key":     {Key: key[:3], Value: value, Headers: truncated("key,headers")},
		"both":    {Key: key[:3], Value: value[:3], Headers: truncated("value,key,headers")},
	} {
		t.Run(name, func(t *testing.T) {
			l := newDeadLetters()
			l.add(r, "input")
			assert.True(t, l.holds(1, 7, key, value))
			assert.False(t, l.holds(1, 8, key, value), "another offset")
			assert.False(t, l.holds(1, 7, key, []byte("a long Value")), "another value of the same size")
			assert.False(t, l.holds(1, 7, []byte("a longer key"), value), "a key of another size")
		})
	}
}
