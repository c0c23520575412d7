package chaos

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// everyTopicFault deletes each topic, and creates it again as it was.
func (k *taking) everyTopicFault() []fault {
	p := k.site.Prefix
	return []fault{
		k.inputFault(),
		k.topicFault(p+"-behavior", true),
		k.topicFault(p+"-heat-table", true),
		k.topicFault(p+"-leaders", false),
		k.topicFault(p+"-rank-table", false),
		k.outputFault(),
		k.deadLetterFault(),
	}
}

// deadLetterFault deletes the dead letters. Those that were there are gone.
func (k *taking) deadLetterFault() fault {
	f := k.topicFault(k.site.Prefix+"-dead-letter", false)
	giveBack := f.giveBack
	f.giveBack = func() {
		giveBack()
		k.lettersGone = k.load.acknowledgedEnds()
	}
	return f
}

// noticesWithin is how long it may take until an instance that watches a topic, and
// needs it for nothing, ends.
const noticesWithin = 4 * time.Second

// topicFault deletes a topic; recreated is set where what it held is needed.
func (k *taking) topicFault(topic string, recreated bool) fault {
	var create func()
	return fault{
		name: "topic " + k.short(topic), names: topic, recreated: recreated,
		least: 2 * time.Second, most: 3 * time.Second, late: noticesWithin,
		take:     func() { create = k.deleteTopic(topic) },
		giveBack: func() { create() },
	}
}

// inputFault deletes the input. Behaviours that were not acknowledged go with it.
func (k *taking) inputFault() fault {
	f := k.topicFault(k.site.Input, true)
	take, giveBack := f.take, f.giveBack
	f.take = func() {
		take()
		k.load.abandon()
	}
	f.giveBack = func() {
		giveBack()
		k.loads++
		k.load = startLoad(k.t, k.site, inputPartitions, takenRate, takenPages, k.seed+k.loads<<32)
		k.lettersGone = nil
	}
	return f
}

// outputFault deletes the output. Whoever follows it sees newer boards only.
func (k *taking) outputFault() fault {
	f := k.topicFault(k.site.Output, false)
	giveBack := f.giveBack
	f.giveBack = func() {
		before := k.boards.Newest()
		giveBack()
		assert.Empty(k.t, k.boards.Wrong(), "what the boards said until then")
		k.boards = k.site.Follow()
		var first *harness.Board
		for until := time.Now().Add(noticedWithin); ; {
			ctx, cancel := context.WithTimeout(k.t.Context(), pollEvery)
			var err error
			first, err = k.boards.Wait(ctx, func(*harness.Board) bool { return true })
			cancel()
			if err == nil {
				break
			}
			if slices.ContainsFunc(k.fleet, func(s *slot) bool {
				if s.in == nil {
					return false
				}
				_, ended := s.in.Ended()
				return ended
			}) {
				return // settle starts it again
			}
			require.True(k.t, time.Now().Before(until), "no board: %v", err)
		}
		assert.Greater(k.t, first.Version, before.Version, "the version after the output was created again")
		assert.GreaterOrEqual(k.t, first.Counted, before.Counted)
	}
	return f
}

// deleteTopic deletes a topic, and returns what creates it again with the same
// settings.
func (k *taking) deleteTopic(topic string) (create func()) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), harness.Within)
	defer cancel()
	admin := kafkatest.Admin(k.t, k.cluster)
	topics, err := admin.ListTopics(ctx, topic)
	require.NoError(k.t, err)
	partitions := int32(len(topics[topic].Partitions))
	described, err := admin.DescribeTopicConfigs(ctx, topic)
	require.NoError(k.t, err)
	var settings []string
	for _, c := range described[0].Configs {
		if c.Source.String() == "DYNAMIC_TOPIC_CONFIG" {
			settings = append(settings, c.Key, c.MaybeValue())
		}
	}
	deleted, err := admin.DeleteTopics(ctx, topic)
	require.NoError(k.t, err)
	require.NoError(k.t, deleted.Error())
	return func() { kafkatest.CreateTopic(k.t, k.cluster, topic, partitions, settings...) }
}

// TestTopicsTaken deletes topics while behaviours flow, good and bad mixed, and
// creates them again.
func TestTopicsTaken(t *testing.T) {
	takeEach(t, "topics", (*taking).everyTopicFault, "pageheat-dead-letter", "pageheat-leaders")
}

// singleRoles are the flags of a fleet in which every role is an instance of its own.
func singleRoles() [][]string {
	return [][]string{{"--roles", "ingest"}, {"--roles", "heat"}, {"--roles", "rank"}, {"--roles", "serve"}}
}
