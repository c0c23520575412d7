package processors_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/lovoo/goka"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/codec"
	"pageheat/processors"
)

// letter makes a dead letter of what the callback emits.
func letter(t require.TestingT, key, value string, own []codec.Header, ms string, most int) *processors.DeadLetter {
	d, err := processors.NewDeadLetter(key, []byte(value), goka.Headers{codec.HeaderReason: []byte("empty"), codec.HeaderOffset: []byte("7"),
		codec.HeaderOwn: codec.AppendHeaders(nil, own), codec.HeaderTime: []byte(ms)}, most, time.UnixMilli(1_750_000_000_000))
	require.NoError(t, err)
	return d
}

func headerOf(d *processors.DeadLetter, name string) (value string) {
	for _, h := range d.Headers {
		if h.Name == name {
			value = string(h.Value)
		}
	}
	return value
}

// sizeOf is what a dead letter takes at most.
func sizeOf(d *processors.DeadLetter) int {
	size := len(d.Key) + len(d.Value)
	for _, h := range d.Headers {
		size += len(h.Name) + len(h.Value) + 10
	}
	return size
}

func TestDeadLettersFitTheirTopic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(4<<10, 1<<20).Draw(t, "most")
		size := rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(0, 2<<20))
		key, value := strings.Repeat("k", size.Draw(t, "key")), strings.Repeat("v", size.Draw(t, "value"))
		var own []codec.Header
		for range rapid.IntRange(0, 5).Draw(t, "headers") {
			own = append(own, codec.Header{Name: "h", Value: bytes.Repeat([]byte("h"), size.Draw(t, "header"))})
		}
		d := letter(t, key, value, own, "1700000000000", most)
		require.LessOrEqual(t, sizeOf(d), most)
		require.Equal(t, "7", headerOf(d, codec.HeaderOffset))
		if truncated := headerOf(d, codec.HeaderTruncated); truncated == "" {
			require.False(t, d.Truncated())
			require.Equal(t, value, string(d.Value))
			require.Equal(t, key, string(d.Key))
			require.Len(t, d.Headers, len(own)+2)
		} else if strings.Contains(truncated, codec.TruncatedValue) {
			require.True(t, d.Truncated())
			sum := sha256.Sum256([]byte(value))
			require.Equal(t, hex.EncodeToString(sum[:]), headerOf(d, codec.HeaderSHA256))
			require.Equal(t, value[:processors.DeadLetterSample], string(d.Value))
		}
	})
}

// TestARefusedDeadLetterIsSentSmaller until nothing is left but where the message was.
func TestARefusedDeadLetterIsSentSmaller(t *testing.T) {
	d := letter(t, strings.Repeat("k", 100_000), strings.Repeat("v", 5_000_000), []codec.Header{{Name: "h", Value: make([]byte, 50_000)}},
		"1700000000000", processors.MaxDeadLetter)
	require.False(t, d.Truncated())
	size, tries := sizeOf(d), 0
	for again := d.Smaller(); again != nil; again = d.Smaller() {
		d = again
		require.Less(t, sizeOf(d), size)
		size = sizeOf(d)
		tries++
	}
	assert.LessOrEqual(t, tries, 8)
	assert.Less(t, size, 400)
	assert.Equal(t, "5000000", headerOf(d, codec.HeaderSize))
	assert.Equal(t, "100000", headerOf(d, codec.HeaderKeySize))
	assert.ElementsMatch(t, []string{"value", "key", "headers"}, strings.Split(headerOf(d, codec.HeaderTruncated), ","))
	assert.Equal(t, "7", headerOf(d, codec.HeaderOffset))
}

func TestTheTimeOfALetterThatItsTopicDoesNotTake(t *testing.T) {
	d := letter(t, "", "v", nil, "1700000000000", processors.MaxDeadLetter)
	require.Equal(t, time.UnixMilli(1_700_000_000_000), d.Time)
	again := d.WithoutTime()
	require.NotNil(t, again)
	require.True(t, again.Time.IsZero())
	require.Equal(t, "1700000000000", headerOf(again, codec.HeaderTimestamp))
	require.Nil(t, again.WithoutTime())

	far := letter(t, "", "v", nil, "9000000000000000", processors.MaxDeadLetter)
	require.True(t, far.Time.IsZero(), "centuries apart do not fit into one batch")
	require.Equal(t, "9000000000000000", headerOf(far, codec.HeaderTimestamp))
}

// TestAStrangersHeadersAreNotTakenForOurs.
func TestAStrangersHeadersAreNotTakenForOurs(t *testing.T) {
	d := letter(t, "", "v", []codec.Header{{Name: "pageheat.offset", Value: []byte("1")}, {Name: "mine"}}, "", processors.MaxDeadLetter)
	require.Equal(t, "7", headerOf(d, codec.HeaderOffset))
	require.Len(t, d.Headers, 3)
	require.Equal(t, "mine", d.Headers[0].Name, "the message's own come first")
}

func TestDeadLetterLimit(t *testing.T) {
	for setting, want := range map[string]int{"": 1_000_000, "x": 1_000_000, "1048588": 1048588 - 4096, "100": 8192, "1000000000": processors.MaxDeadLetter} {
		assert.Equal(t, want, processors.DeadLetterLimit(setting), "max.message.bytes=%s", setting)
	}
}
