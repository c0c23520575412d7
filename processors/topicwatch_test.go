package processors_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/failure"
	"pageheat/processors"
)

// topicLook is a look at a topic, and what must come of it.
type topicLook struct {
	gone       bool
	id         byte // 0 for none
	partitions int

	missing processors.TopicMissing
	found   processors.TopicFound
	err     string // a part of its text; empty for none
}

func TestTopicWatch(t *testing.T) {
	began := time.Unix(1000, 0)
	at := func(look int) time.Time { return began.Add(time.Duration(look) * time.Second) }
	kept := processors.WatchedTopic{Name: "t", RecreatedHint: failure.Recreated}
	for _, c := range []struct {
		name  string
		topic processors.WatchedTopic
		looks []topicLook
	}{
		{"it stays", kept, []topicLook{{id: 1}, {id: 1}}},
		{"it is another one, and stays refused", kept, []topicLook{{id: 1}, {id: 2, err: "was deleted and recreated"}, {id: 2, err: "was deleted and recreated"}}},
		{"it is another one, and the pipeline continues", processors.WatchedTopic{Name: "t"}, []topicLook{
			{id: 1}, {id: 2, found: processors.TopicFound{Replaced: true}}, {id: 2}}},
		{"some brokers give no ids", kept, []topicLook{{}, {id: 1}, {}, {id: 1}, {id: 2, err: "was deleted and recreated"}}},
		{"a broker that was just started does not know it", kept, []topicLook{{id: 1}, {gone: true}, {gone: true}, {id: 1}, {gone: true}, {gone: true}, {id: 1}}},
		{"it is missing, and exists again", kept, []topicLook{
			{id: 1}, {gone: true}, {gone: true},
			{gone: true, missing: processors.TopicMissing{Since: at(1), News: true}},
			{gone: true, missing: processors.TopicMissing{Since: at(1)}},
			{id: 1, found: processors.TopicFound{MissingSince: at(1)}}, {id: 1}}},
		{"it was missing from the beginning", kept, []topicLook{
			{gone: true}, {gone: true}, {gone: true, missing: processors.TopicMissing{Since: at(0), News: true}},
			{id: 1, found: processors.TopicFound{MissingSince: at(0)}}, {id: 1}}},
		{"another one exists again", kept, []topicLook{
			{id: 1}, {gone: true}, {gone: true}, {gone: true, missing: processors.TopicMissing{Since: at(1), News: true}},
			{id: 2, found: processors.TopicFound{MissingSince: at(1)}, err: "was deleted and recreated"}, {id: 2, err: "was deleted and recreated"}}},
		{"any number of partitions", kept, []topicLook{{id: 1, partitions: 2}, {id: 1, partitions: 5}}},
		{"pages are spread over some partitions", processors.WatchedTopic{Name: "t", Partitions: 2}, []topicLook{
			{id: 1, partitions: 2}, {id: 1, partitions: 3, err: "t had 2 partitions and has 3"}, {id: 1, partitions: 2}}},
		{"another one with other partitions", processors.WatchedTopic{Name: "t", Partitions: 2}, []topicLook{
			{id: 1, partitions: 2}, {id: 2, partitions: 3, found: processors.TopicFound{Replaced: true}, err: "t had 2 partitions and has 3"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := processors.NewTopicWatch(c.topic)
			for i, look := range c.looks {
				if look.gone {
					require.Equal(t, look.missing, w.Missing(at(i)), "look %d", i)
					continue
				}
				found, err := w.Exists(codec.TopicID{look.id}, look.partitions)
				require.Equal(t, look.found, found, "look %d", i)
				if look.err == "" {
					require.NoError(t, err, "look %d", i)
					continue
				}
				require.ErrorContains(t, err, look.err, "look %d", i)
				require.NotNil(t, failure.As(err), "look %d", i)
			}
		})
	}
}
