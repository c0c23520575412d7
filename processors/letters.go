package processors

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/lovoo/goka"

	"pageheat/codec"
)

// letter is the dead letter of a record of a topic: as it is, or what is kept of it. A
// value that the record does not have is nil.
func (r *Refused) letter(topic string) (headers goka.Headers, key string, value any) {
	if r.Cut != nil {
		headers = r.headers(topic, r.Cut.Offset, r.Cut.Timestamp)
		r.tellCut(headers)
		return with(headers, r.Cut.Key, r.Cut.Value)
	}
	headers = r.headers(topic, r.Record.Offset, r.Record.Timestamp)
	if own := r.Record.RawHeaders(); len(own) > 1 { // one byte: there are none
		headers[codec.HeaderOwn] = own
	}
	return with(headers, r.Record.Key, r.Record.Value)
}

// tellCut says what is missing of a record that is too long to be held.
func (r *Refused) tellCut(headers goka.Headers) {
	headers[codec.HeaderOwn] = codec.AppendHeaders(nil, r.Cut.Headers)
	var cut []string
	if r.Cut.ValueSize > int64(len(r.Cut.Value)) {
		cut = append(cut, codec.CutValue)
		headers[codec.HeaderSize] = strconv.AppendInt(nil, r.Cut.ValueSize, 10)
		headers[codec.HeaderSHA256] = []byte(hex.EncodeToString(r.Cut.SHA256[:]))
	}
	if r.Cut.KeySize > int64(len(r.Cut.Key)) {
		cut = append(cut, codec.CutKey)
		headers[codec.HeaderKeySize] = strconv.AppendInt(nil, r.Cut.KeySize, 10)
	}
	if r.Cut.HeadersLeft > 0 {
		cut = append(cut, codec.CutHeaders)
	}
	if len(cut) > 0 {
		headers[codec.HeaderCut] = []byte(strings.Join(cut, ","))
	}
}

// headers are the headers that every letter has.
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

// with completes a letter with key and value.
func with(headers goka.Headers, key, value []byte) (goka.Headers, string, any) {
	if key == nil {
		headers[codec.HeaderNoKey] = nil
	}
	if value == nil {
		return headers, string(key), nil // a nil slice in an interface would not be nil
	}
	return headers, string(key), value
}
