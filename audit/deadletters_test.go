package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
)

// TestLettersThatWereCut: a letter stands for the message whose size and checksum it
// names, and for no other.
func TestLettersThatWereCut(t *testing.T) {
	key, value := []byte("a long key"), []byte("a long value")
	sum := sha256.Sum256(value)
	cut := func(what string) []kgo.RecordHeader {
		return []kgo.RecordHeader{
			{Key: codec.HeaderCut, Value: []byte("value")}, // of the message's own
			{Key: codec.HeaderTopic, Value: []byte("input")}, {Key: codec.HeaderPartition, Value: []byte("1")}, {Key: codec.HeaderOffset, Value: []byte("7")},
			{Key: codec.HeaderSize, Value: []byte("12")}, {Key: codec.HeaderSHA256, Value: []byte(hex.EncodeToString(sum[:]))},
			{Key: codec.HeaderKeySize, Value: []byte("10")}, {Key: codec.HeaderCut, Value: []byte(what)},
		}
	}
	for name, r := range map[string]*kgo.Record{
		"nothing": {Key: key, Value: value, Headers: cut("")},
		"value":   {Key: key, Value: value[:3], Headers: cut("value")},
		"key":     {Key: key[:3], Value: value, Headers: cut("key,headers")},
		"both":    {Key: key[:3], Value: value[:3], Headers: cut("value,key,headers")},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLetters()
			l.add(r, "input")
			assert.True(t, l.hold(1, 7, key, value))
			assert.False(t, l.hold(1, 8, key, value), "another offset")
			assert.False(t, l.hold(1, 7, key, []byte("a long Value")), "another value of the same size")
			assert.False(t, l.hold(1, 7, []byte("a longer key"), value), "a key of another size")
		})
	}
}
