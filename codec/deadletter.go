package codec

import (
	"iter"
	"strconv"
	"strings"
	"time"
)

// The headers of a dead letter: where the message was, and why it was refused. They come
// after the headers that the message had of its own.
const (
	// HeaderPrefix begins the names of all of them.
	HeaderPrefix    = "pageheat."
	HeaderTopic     = "pageheat.topic"
	HeaderTopicID   = "pageheat.topic-id"
	HeaderPartition = "pageheat.partition"
	HeaderOffset    = "pageheat.offset"
	HeaderReason    = "pageheat.reason"
	HeaderDetail    = "pageheat.detail"
)

// The headers of a dead letter that is not the whole message.
const (
	// HeaderTruncated names what was truncated: value, key, headers; separated by commas.
	HeaderTruncated = "pageheat.cut"
	// HeaderSize and HeaderSHA256 are the size of the whole value in bytes, and its
	// SHA-256 in hexadecimal digits.
	HeaderSize   = "pageheat.size"
	HeaderSHA256 = "pageheat.sha256"
	// HeaderKeySize is the size of the whole key, where it was truncated.
	HeaderKeySize = "pageheat.key-size"
	// HeaderTimestamp is the message's timestamp in ms since 1970, where the dead-letter
	// topic does not take it as that of the dead letter.
	HeaderTimestamp = "pageheat.timestamp"
)

// The words of [HeaderTruncated].
const (
	TruncatedValue   = "value"
	TruncatedKey     = "key"
	TruncatedHeaders = "headers"
)

// DeadLetter is what the headers of a dead letter say of the message that it holds.
type DeadLetter struct {
	// Topic, TopicID, Partition and Offset are where the message was. TopicID is empty
	// if the dead letter does not say, and the numbers are -1.
	Topic, TopicID string
	Partition      int32
	Offset         int64
	// Reason is a [Code], Detail a sentence for a person.
	Reason, Detail string
	// Truncated names what is not whole, see [HeaderTruncated]; empty for a whole message.
	Truncated string
	// Size and SHA256 are those of the whole value, KeySize that of the whole key. The
	// numbers are -1 if the dead letter does not say.
	Size, KeySize int64
	SHA256        string
	// Time is the message's own timestamp; zero where the dead letter has it as its own.
	Time time.Time
	// Own are the message's own headers. Their values are those that were read.
	Own []Header
}

// ReadDeadLetter reads the headers of a dead letter, names and values in their order. Missing
// and malformed values are left out; of two headers with one name the last counts.
func ReadDeadLetter(headers iter.Seq2[string, []byte]) DeadLetter {
	l := DeadLetter{Partition: -1, Offset: -1, Size: -1, KeySize: -1}
	for name, value := range headers {
		text := string(value)
		switch name {
		case HeaderTopic:
			l.Topic = text
		case HeaderTopicID:
			l.TopicID = text
		case HeaderPartition:
			if n, err := strconv.ParseInt(text, 10, 32); err == nil {
				l.Partition = int32(n)
			}
		case HeaderOffset:
			readNumber(&l.Offset, text)
		case HeaderReason:
			l.Reason = text
		case HeaderDetail:
			l.Detail = text
		case HeaderTruncated:
			l.Truncated = text
		case HeaderSize:
			readNumber(&l.Size, text)
		case HeaderKeySize:
			readNumber(&l.KeySize, text)
		case HeaderSHA256:
			l.SHA256 = text
		case HeaderTimestamp:
			if ms, err := strconv.ParseInt(text, 10, 64); err == nil {
				l.Time = time.UnixMilli(ms).UTC()
			}
		default:
			if !strings.HasPrefix(name, HeaderPrefix) {
				l.Own = append(l.Own, Header{Name: name, Value: value})
			}
		}
	}
	return l
}

// readNumber reads a whole number; other text changes nothing.
func readNumber(into *int64, text string) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		*into = n
	}
}
