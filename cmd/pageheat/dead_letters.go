package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"text/tabwriter"
	"time"

	"pageheat/deadletters"
	"pageheat/kafka"
	"pageheat/terminal"
)

// deadLettersCmd holds the commands about what was refused.
type deadLettersCmd struct {
	List   deadLettersListCmd   `cmd:"" help:"List refused messages and the reasons."`
	Replay deadLettersReplayCmd `cmd:"" help:"Send refused messages to the input again, except those replayed before."`
}

// deadLetter is a message that was refused. The JSON is that of list --json.
type deadLetter struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
	Reason    string `json:"reason"`
	Detail    string `json:"detail"`
	// Key and Value are the message; nil: it had none. In JSON as base64.
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
	// Sample is the beginning of the message, as a quoted text.
	Sample string `json:"sample"`
	// TopicID is the id of the topic, empty if the letter does not tell.
	TopicID string `json:"topic_id,omitempty"`
	// Time is the message's own, nil if it is not known.
	Time *time.Time `json:"time,omitempty"`
	// Headers are the message's own.
	Headers []letterHeader `json:"headers,omitempty"`
	// Truncated names what is not whole: value, key, headers. Size and SHA256 are then those of
	// the whole value.
	Truncated string `json:"cut,omitempty"`
	Size      int64  `json:"size,omitempty"`
	SHA256    string `json:"sha256,omitempty"`
}

// letterHeader is a header of a message; in JSON its value is base64, or null.
type letterHeader struct {
	Name  string `json:"name"`
	Value []byte `json:"value"`
}

// readDeadLetter reads a record of the dead-letter topic.
func readDeadLetter(r *kafka.Record) deadLetter {
	m := deadletters.Read(r)
	d := deadLetter{
		Topic: m.Topic, Partition: m.Partition, Offset: m.Offset, TopicID: m.TopicID,
		Reason: m.Reason, Detail: m.Detail, Truncated: m.Truncated, Size: max(0, m.Size), SHA256: m.SHA256,
		Key: m.Key, Value: m.Value, Sample: sample(m.Value),
	}
	if !m.Time.IsZero() {
		d.Time = &m.Time
	}
	for _, h := range m.Own {
		d.Headers = append(d.Headers, letterHeader(h))
	}
	if d.Truncated != "" {
		d.Sample += fmt.Sprintf(" (truncated: %s", terminal.Printable(d.Truncated))
		if d.Size > 0 {
			d.Sample += fmt.Sprintf(", %d bytes in all", d.Size)
		}
		d.Sample += ")"
	}
	return d
}

// deadLettersListCmd prints dead letters.
type deadLettersListCmd struct {
	JSON bool `name:"json" help:"Print a JSON object for each, key and value in base64."`
}

const (
	// sampleBytes is how much of a message is shown.
	sampleBytes = 60
	// tableRows is after how many rows the columns are realigned, so that
	// a long list begins at once and takes no memory.
	tableRows = 1000
)

// Run prints all that is there when it begins.
func (c *deadLettersListCmd) Run(ctx context.Context, p *program) error {
	if err := p.ready(ctx, "dead-letters-list"); err != nil {
		return err
	}
	return interrupted(ctx, c.list(ctx, p))
}

func (c *deadLettersListCmd) list(ctx context.Context, p *program) error {
	all, err := p.kafka.AllBounds(ctx, p.topo.DeadLetter)
	if err != nil {
		return err
	}
	if c.JSON {
		out := json.NewEncoder(p.stdout)
		out.SetEscapeHTML(false)
		return p.kafka.ReadBounds(ctx, p.topo.DeadLetter, all, func(r *kafka.Record) error {
			return out.Encode(readDeadLetter(r))
		})
	}
	out := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	rows := 0
	err = p.kafka.ReadBounds(ctx, p.topo.DeadLetter, all, func(r *kafka.Record) error {
		if rows%tableRows == 0 {
			if err := out.Flush(); err != nil {
				return err
			}
			if _, err := fmt.Fprintln(out, "TOPIC\tPARTITION\tOFFSET\tREASON\tDETAIL\tMESSAGE"); err != nil {
				return err
			}
		}
		rows++
		d := readDeadLetter(r)
		_, err := fmt.Fprintf(out, "%s\t%d\t%d\t%s\t%s\t%s\n",
			terminal.Printable(d.Topic), d.Partition, d.Offset, terminal.Printable(d.Reason), terminal.Printable(d.Detail), d.Sample)
		return err
	})
	if err != nil {
		return err
	}
	if rows == 0 {
		_, err := fmt.Fprintln(p.stdout, "no dead letters")
		return err
	}
	return out.Flush()
}

// sample is the beginning of a message as a quoted text, null where it has none.
func sample(value []byte) string {
	switch {
	case value == nil:
		return "null"
	case len(value) > sampleBytes:
		return strconv.Quote(string(value[:sampleBytes])) + fmt.Sprintf(" and %d bytes more", len(value)-sampleBytes)
	default:
		return strconv.Quote(string(value))
	}
}

// deadLettersReplayCmd sends dead letters to the input again.
type deadLettersReplayCmd struct {
	All bool `help:"Begin at the first dead letter: messages replayed before are sent, and counted, again."`
}

// Run sends what is among the dead letters when it begins, and says what it has done.
func (c *deadLettersReplayCmd) Run(ctx context.Context, p *program) error {
	if err := p.ready(ctx, "dead-letters-replay"); err != nil {
		return err
	}
	done, err := deadletters.Replay(ctx, p.kafka, p.topo, c.All)
	err = interrupted(ctx, err)
	if err != nil && done == (deadletters.Replayed{}) {
		return err
	}
	left := fmt.Sprintf("%d left out that stood there twice", done.Twice)
	if done.Truncated > 0 {
		left += fmt.Sprintf(", %d truncated: they are not the whole message", done.Truncated)
	}
	if done.Large > 0 {
		left += fmt.Sprintf(", %d that are larger than the input takes uncompressed", done.Large)
	}
	_, failed := fmt.Fprintf(p.stdout, "%d dead letters sent to %s again, %s\n", done.Sent, p.topo.Input, left)
	return errors.Join(err, failed)
}
