package demo

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/codec"
	"pageheat/demo/forum"
	"pageheat/failure"
	"pageheat/heat"
	"pageheat/kafka"
)

func TestVisitorsReadTheForum(t *testing.T) {
	first := func(seed uint64, n int) (messages []string) {
		s := DefaultSettings()
		s.Seed = &seed
		visitors, err := s.Visitors()
		require.NoError(t, err)
		for message := range visitors.Messages() {
			if messages = append(messages, string(message)); len(messages) == n {
				break
			}
		}
		return messages
	}
	messages := first(1, 500)
	assert.Equal(t, messages, first(1, 500), "equal seeds send equal messages")
	assert.NotEqual(t, messages, first(2, 500))
	titles := map[string]string{}
	for _, thread := range forum.Threads() {
		titles[thread.Path] = thread.Title
	}
	for _, message := range messages {
		var label codec.Label
		b, refusal := codec.ParseLabelled([]byte(message), heat.DefaultLimits(), &label)
		require.Nil(t, refusal, message)
		require.Equal(t, titles[string(b.Page)], label.Title, "the first visit of a thread has its title")
		titles[string(b.Page)] = ""
	}
}

func TestSettingsOutOfRange(t *testing.T) {
	for setting, change := range map[string]func(*Settings){
		"for":   func(s *Settings) { s.For = -time.Second },
		"pages": func(s *Settings) { s.Pages = 0 },
		"zipf":  func(s *Settings) { s.Zipf = -1 },
	} {
		s := DefaultSettings()
		change(&s)
		_, err := s.Visitors()
		var wrong *failure.Setting
		require.ErrorAs(t, err, &wrong, setting)
		assert.Equal(t, setting, wrong.Name)
	}
}

func TestTheBrokerKeepsItsData(t *testing.T) {
	s := DefaultSettings()
	s.Data = t.TempDir()
	for _, want := range []int{0, 1} {
		broker, err := s.Broker()
		require.NoError(t, err)
		clients := kafka.New(kafka.Config{Brokers: broker.ListenAddrs(), ClientID: "test"})
		admin, err := clients.Admin()
		require.NoError(t, err)
		topics, err := admin.ListTopics(t.Context())
		require.NoError(t, err)
		assert.Len(t, topics, want)
		if want == 0 {
			_, err = admin.CreateTopic(t.Context(), 1, 1, nil, "kept")
			require.NoError(t, err)
		}
		clients.Close()
		broker.Close()
	}
}

func TestWatermark(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWatermark()
		input := map[int32]kafka.Bounds{0: {End: 5}, 1: {End: 0}, 2: {End: 7}}
		assert.True(t, w.Await(t.Context(), map[int32]kafka.Bounds{0: {}}), "an empty input is reached at once")
		ended, end := context.WithCancel(t.Context())
		end()
		assert.False(t, w.Await(ended, input))

		reached := false
		go func() { reached = w.Await(t.Context(), input) }()
		for _, last := range []int64{6, 7} {
			synctest.Wait()
			assert.False(t, reached)
			w.Reach(&codec.Board{Offsets: codec.Offsets{{Partition: 0, Offset: 5}, {Partition: 2, Offset: last}}})
		}
		synctest.Wait()
		assert.True(t, reached)
		assert.True(t, w.Await(ended, input), "it stays reached")
	})
}
