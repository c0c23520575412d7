package overview

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"pageheat/codec"
)

func TestProblems(t *testing.T) {
	fine := func() State {
		zero := int64(0)
		return State{Lost: &zero, Brokers: []Broker{{ID: 1, Address: "a:9092", Up: true}}, Flow: []Node{
			{Name: "in", Kind: "stream"},
			{Name: "g", Kind: "group", GroupState: "Stable", Partitions: []Partition{{Partition: 0, Owner: "x"}, {Partition: 1, Owner: "x"}}},
		}}
	}
	state := fine()
	assert.Empty(t, state.Problems())
	for want, spoil := range map[string]func(*State){
		"the groups: no answer":                        func(s *State) { s.Unknown = []string{"the groups: no answer"} },
		"broker 1 a:9092 is down":                      func(s *State) { s.Brokers[0].Up = false },
		"2 partitions have no leader":                  func(s *State) { s.Replicas.Leaderless = 2 },
		"3 partitions are under-replicated":            func(s *State) { s.Replicas.UnderReplicated = 3 },
		"in: the topic does not exist":                 func(s *State) { s.Flow[0].Unknown = "the topic does not exist" },
		"group g has no members":                       func(s *State) { s.Flow[1].GroupState = "Empty" },
		"group g is rebalancing: PreparingRebalance":   func(s *State) { s.Flow[1].GroupState = "PreparingRebalance" },
		"group g: partitions [1]: no member owns them": func(s *State) { s.Flow[1].Partitions[1].Owner = "" },
		"g: partitions [0]: away":                      func(s *State) { s.Flow[1].Unknown = "partitions [0]: away" },
		"dead letters: no right":                       func(s *State) { s.DeadLetters.Unknown = "no right" },
		"lost: up to 7 messages": func(s *State) {
			lost := int64(7)
			s.Lost = &lost
		},
	} {
		state := fine()
		spoil(&state)
		problems := state.Problems()
		if assert.Len(t, problems, 1, want) {
			assert.Contains(t, problems[0], want)
		}
	}
}

// TestSettling: what has members may become right by itself, unless something else is wrong too.
func TestSettling(t *testing.T) {
	starting := func() State {
		zero, records := int64(0), int64(7)
		return State{Lost: &zero, Flow: []Node{
			{Name: "in", Kind: "stream", Records: &records, Unknown: "there is no board yet"},
			{Name: "ingest", Kind: "group", GroupState: "PreparingRebalance", Members: []Member{{ID: "x"}}},
			{Name: "heat", Kind: "group", GroupState: "Stable", Members: []Member{{ID: "x"}}, Unknown: "no leaders"},
		}}
	}
	state := starting()
	assert.True(t, state.Settling())
	assert.NotEmpty(t, state.Problems())
	for name, spoil := range map[string]func(*State){
		"nothing is wrong": func(s *State) { s.Flow = nil },
		"a lost broker":    func(s *State) { s.Brokers = []Broker{{ID: 1}} },
		"no members":       func(s *State) { s.Flow[1].GroupState, s.Flow[1].Members = "Empty", nil },
		"an unknown group": func(s *State) { s.Flow[1].GroupState, s.Flow[1].Members, s.Flow[1].Unknown = "", nil, "no right" },
		"a missing topic":  func(s *State) { s.Flow[0].Records = nil },
		"lost messages":    func(s *State) { *s.Lost = 1 },
	} {
		state := starting()
		spoil(&state)
		assert.False(t, state.Settling(), name)
	}
}

// A board that advances is not stalled, and neither is one that has everything.
func TestStalled(t *testing.T) {
	at := func(board, lag int64) *State {
		return &State{Flow: []Node{
			{Name: "in", Kind: "stream", Partitions: []Partition{{Topic: "in", Partition: 0, Lag: &lag}}},
			{Name: "rank", Kind: "group", Behind: []Partition{{Topic: "in", Partition: 0, Committed: &board}}},
		}}
	}
	assert.True(t, at(5, 3).Waits())
	assert.False(t, at(5, 0).Waits())
	assert.False(t, (&State{}).Waits())
	stalled := at(5, 4).Stalled(at(5, 3))
	if assert.Len(t, stalled, 1) {
		assert.Contains(t, stalled[0], "partition 0 of the input: 4 messages are not on the board")
	}
	assert.Empty(t, at(6, 4).Stalled(at(5, 3)))
	assert.Empty(t, at(5, 3).Stalled(at(5, 0)), "they have just come")
	assert.Empty(t, at(5, 0).Stalled(at(5, 3)))
	assert.Empty(t, at(5, 3).Stalled(&State{}))
}

// All heat partitions hear of the same losses.
func TestLostBy(t *testing.T) {
	leaders := map[int32]*codec.Leaders{
		0: {Progress: codec.Progress{Lost: []uint64{3, 0}}},
		1: {Progress: codec.Progress{Lost: []uint64{2, 0, 4}}},
	}
	assert.EqualValues(t, 7, *lostBy(leaders, 2))
	assert.Nil(t, lostBy(leaders, 3), "one of them was not heard of")
	assert.Nil(t, lostBy(nil, 0))
}

// Each heat partition has taken in its own requests.
func TestForgetsIn(t *testing.T) {
	leaders := map[int32]*codec.Leaders{
		0: {Progress: codec.Progress{Forget: codec.ForgetProgress{Taken: 3}}},
		1: {Progress: codec.Progress{Forget: codec.ForgetProgress{Taken: 2}}},
	}
	assert.EqualValues(t, 5, *forgetsIn(leaders, 2))
	assert.Nil(t, forgetsIn(leaders, 3), "one of them was not heard of")
	assert.Nil(t, forgetsIn(nil, 0))
}
