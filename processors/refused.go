package processors

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/lovoo/goka"

	"pageheat/codec"
)

// deadLetter is the dead letter of a record of a topic: as it is, or what is kept of it. A
// value that the record does not have is nil.
func (r *Refused) deadLetter(topic string) (headers goka.Headers, key string, value any) {
	if r.Truncated != nil {
		headers = r.headers(topic, r.Truncated.Offset, r.Truncated.Timestamp)
		r.describeTruncation(headers)
		return with(headers, r.Truncated.Key, r.Truncated.Value)
	}
	headers = r.headers(topic, r.Record.Offset, r.Record.Timestamp)
	if own := r.Record.RawHeaders(); len(own) > 1 { // one byte: there are none
		headers[codec.HeaderOwn] = own
	}
	return with(headers, r.Record.Key, r.Record.Value)
}

// describeTruncation says what is missing of a record that is too long to be held.
func (r *Refused) describeTruncation(headers goka.Headers) {
	headers[codec.HeaderOwn] = codec.AppendHeaders(nil, r.Truncated.Headers)
	var truncated []string
	if r.Truncated.ValueSize > int64(len(r.Truncated.Value)) {
		truncated = append(truncated, codec.TruncatedValue)
		headers[codec.HeaderSize] = strconv.AppendInt(nil, r.Truncated.ValueSize, 10)
		headers[codec.HeaderSHA256] = []byte(hex.EncodeToString(r.Truncated.SHA256[:]))
	}
	if r.Truncated.KeySize > int64(len(r.Truncated.Key)) {
		truncated = append(truncated, codec.TruncatedKey)
		headers[codec.HeaderKeySize] = strconv.AppendInt(nil, r.Truncated.KeySize, 10)
	}
	if r.Truncated.HeadersLeft > 0 {
		truncated = append(truncated, codec.TruncatedHeaders)
	}
	if len(truncated) > 0 {
		headers[codec.HeaderTruncated] = []byte(strings.Join(truncated, ","))
	}
}

// headers are the headers that every dead letter has.
func (r *Refused) headers(topic string, offset, timestamp int64) goka.Headers {
	headers := goka.Headers{
		codec.HeaderTopic:     []byte(topic),
		codec.HeaderPartition: strconv.AppendInt(nil, int64(r.Partition), 10),
		codec.HeaderOffset:    strconv.AppendInt(nil, offset, 10),
		codec.HeaderReason:    []byte(r.Code),
		codec.HeaderDetail:    []byte(r.Detail),
	}
	if !r.Input.IsZero() {
		headers[codec.HeaderTopicID] = []byte(r.Input.String())
	}
	if timestamp >= 0 {
		headers[codec.HeaderTime] = strconv.AppendInt(nil, timestamp, 10)
	}
	return headers
}

// with completes a dead letter with key and value.
func with(headers goka.Headers, key, value []byte) (goka.Headers, string, any) {
	if key == nil {
		headers[codec.HeaderNoKey] = nil
	}
	if value == nil {
		return headers, string(key), nil // a nil slice in an interface would not be nil
	}
	return headers, string(key), value
}
