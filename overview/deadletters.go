package overview

import (
	"context"
	"maps"
	"strings"

	"pageheat/codec"
	"pageheat/kafka"
)

const (
	// maxDeadLetters is the number of latest dead letters that are read.
	maxDeadLetters = 200
	// maxSamples is the number of dead letters that are shown.
	maxSamples = 10
	// maxMessage is the maximum length of a shown message in bytes.
	maxMessage = 200
)

// deadLetters reads the latest dead letters, again only if there are new ones.
func (o *Overview) deadLetters(ctx context.Context, ends map[int32]end) DeadLetters {
	out := DeadLetters{Reasons: map[string]int{}, Samples: []DeadLetter{}}
	var total sum
	for _, e := range ends {
		if e.err != nil {
			out.Unknown = reasons(out.Unknown, e.err.Error())
			total.add(nil)
			continue
		}
		held := e.high - e.start // somebody may have deleted records
		total.add(&held)
	}
	if len(ends) == 0 {
		out.Unknown = "the topic does not exist, or the right to describe it is missing"
		total.add(nil)
	}
	out.Total = total.known()
	last := spans(ends, maxDeadLetters)
	if o.lettersAt != nil && maps.Equal(last, o.lettersAt) {
		out.Reasons, out.Samples = o.last.DeadLetters.Reasons, o.last.DeadLetters.Samples
		return out
	}
	whole, err := o.read(ctx, o.topo.DeadLetter, last, func(record *kafka.Record) {
		letter := deadLetterOf(record)
		out.Reasons[letter.Reason]++
		out.Samples = append([]DeadLetter{letter}, out.Samples[:min(len(out.Samples), maxSamples-1)]...)
	})
	switch {
	case err != nil:
		out.Unknown = reasons(out.Unknown, err.Error())
	case !whole:
		out.Unknown = reasons(out.Unknown, "reading the latest ones timed out")
	}
	if o.lettersAt = nil; err == nil && whole {
		o.lettersAt = last
	}
	return out
}

// letterOf reads the displayed part of a dead letter.
func deadLetterOf(record *kafka.Record) DeadLetter {
	says := codec.ReadDeadLetter(kafka.Headers(record))
	return DeadLetter{At: record.Timestamp.UTC(), Message: excerpt(record.Value),
		Reason: excerpt([]byte(says.Reason)), Detail: says.Detail}
}

// excerpt returns the start of a message as text.
func excerpt(message []byte) string {
	return strings.ToValidUTF8(string(message[:min(len(message), maxMessage)]), "\uFFFD")
}
