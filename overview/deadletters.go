package overview

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/processors"
)

const (
	// maxDeadLetters is how many of the last are looked at.
	maxDeadLetters = 200
	// maxSamples is how many of them are shown.
	maxSamples = 10
	// maxMessage is how many bytes are shown of one.
	maxMessage = 200
)

// deadLetters reads the last ones, which end where it is said. It does so again only
// when there are new ones.
func (o *Overview) deadLetters(ctx context.Context, ends map[int32]kadm.ListedOffset) (DeadLetters, error) {
	out := DeadLetters{Reasons: map[string]int{}, Samples: []DeadLetter{}}
	from := map[int32]kgo.Offset{}
	left := int64(0)
	for partition, end := range ends {
		out.Total += end.Offset
		if some := min(end.Offset, maxDeadLetters); some > 0 {
			left += some
			from[partition] = kgo.NewOffset().At(end.Offset - some)
		}
	}
	if left == 0 || out.Total == o.last.DeadLetters.Total {
		if left > 0 {
			out = o.last.DeadLetters
		}
		return out, nil
	}
	client, err := kgo.NewClient(append(slices.Clone(o.options),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{o.topo.DeadLetter: from}))...)
	if err != nil {
		return out, fmt.Errorf("connecting to read topic %s: %w", o.topo.DeadLetter, err)
	}
	defer client.Close()
	for reached := map[int32]bool{}; len(reached) < len(from); {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return out, fmt.Errorf("reading topic %s: %w", o.topo.DeadLetter, err)
		}
		for _, record := range fetches.Records() {
			letter := letterOf(record)
			out.Reasons[letter.Reason]++
			out.Samples = append([]DeadLetter{letter}, out.Samples[:min(len(out.Samples), maxSamples-1)]...)
			if record.Offset+1 >= ends[record.Partition].Offset {
				reached[record.Partition] = true
			}
		}
	}
	return out, nil
}

// letterOf reads what is shown of a dead letter.
func letterOf(record *kgo.Record) DeadLetter {
	letter := DeadLetter{At: record.Timestamp.UTC(), Message: excerpt(record.Value)}
	for _, h := range record.Headers {
		switch h.Key {
		case processors.HeaderReason:
			letter.Reason = excerpt(h.Value)
		case processors.HeaderDetail:
			letter.Detail = string(h.Value)
		}
	}
	return letter
}

// excerpt is the beginning of a message as text.
func excerpt(message []byte) string {
	return strings.ToValidUTF8(string(message[:min(len(message), maxMessage)]), "\uFFFD")
}
