package processors

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/lovoo/goka"

	"pageheat/codec"
)

// Headers of a dead letter: where the message was, and why it was refused. They come
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

// Headers of a dead letter that is not the whole message.
const (
	// HeaderCut names what was cut: value, key, headers; separated by commas.
	HeaderCut = "pageheat.cut"
	// HeaderSize and HeaderSHA256 are the size of the whole value in bytes, and its
	// SHA-256 in hexadecimal digits.
	HeaderSize   = "pageheat.size"
	HeaderSHA256 = "pageheat.sha256"
	// HeaderKeySize is the size of the whole key, where it was cut.
	HeaderKeySize = "pageheat.key-size"
	// HeaderTimestamp is the message's timestamp in ms since 1970, where the dead-letter
	// topic does not take it as that of the letter.
	HeaderTimestamp = "pageheat.timestamp"
)

// The words of HeaderCut.
const (
	CutValue   = "value"
	CutKey     = "key"
	CutHeaders = "headers"
)

// setAside sends a record as it is to the dead letters.
func (in *ingest) setAside(ctx goka.Context, g *Gatherer, r *codec.Record, refusal *codec.Refusal) {
	headers := in.letterHeaders(ctx, g, r.Offset, r.Timestamp, refusal)
	if own := r.RawHeaders(); len(own) > 1 { // one byte: there are none
		headers[codec.HeaderOwn] = own
	}
	in.sendLetter(ctx, headers, r.Key, r.Value)
}

// setAsideCut sends what is kept of a record to the dead letters.
func (in *ingest) setAsideCut(ctx goka.Context, g *Gatherer, r *codec.CutRecord, refusal *codec.Refusal) {
	headers := in.letterHeaders(ctx, g, r.Offset, r.Timestamp, refusal)
	headers[codec.HeaderOwn] = codec.AppendHeaders(nil, r.Headers)
	var cut []string
	if r.ValueSize > int64(len(r.Value)) {
		cut = append(cut, CutValue)
		headers[HeaderSize] = strconv.AppendInt(nil, r.ValueSize, 10)
		headers[HeaderSHA256] = []byte(hex.EncodeToString(r.SHA256[:]))
	}
	if r.KeySize > int64(len(r.Key)) {
		cut = append(cut, CutKey)
		headers[HeaderKeySize] = strconv.AppendInt(nil, r.KeySize, 10)
	}
	if r.HeadersLeft > 0 {
		cut = append(cut, CutHeaders)
	}
	if len(cut) > 0 {
		headers[HeaderCut] = []byte(strings.Join(cut, ","))
	}
	in.sendLetter(ctx, headers, r.Key, r.Value)
}

// letterHeaders are the headers that every letter has.
func (in *ingest) letterHeaders(ctx goka.Context, g *Gatherer, offset, timestamp int64, refusal *codec.Refusal) goka.Headers {
	headers := goka.Headers{
		HeaderTopic:     []byte(in.config.Topology.Input),
		HeaderPartition: strconv.AppendInt(nil, int64(ctx.Partition()), 10),
		HeaderOffset:    strconv.AppendInt(nil, offset, 10),
		HeaderReason:    []byte(refusal.Code),
		HeaderDetail:    []byte(refusal.Detail),
	}
	if input := g.Input(); !input.IsZero() {
		headers[HeaderTopicID] = []byte(input.String())
	}
	if timestamp >= 0 {
		headers[codec.HeaderTime] = strconv.AppendInt(nil, timestamp, 10)
	}
	return headers
}

// sendLetter sends a letter; a nil key or value is one that it does not have.
func (in *ingest) sendLetter(ctx goka.Context, headers goka.Headers, key, value []byte) {
	if key == nil {
		headers[codec.HeaderNoKey] = nil
	}
	var emitted any // a nil slice in it would not be nil
	if value != nil {
		emitted = value
	}
	ctx.Emit(in.deadLetter, string(key), emitted, goka.WithCtxEmitHeaders(headers))
}
