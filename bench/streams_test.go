package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/pprof/profile"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
)

// A newer board counts for an older one. Boards before the measured time, and after the last
// version, do not count.
func TestSeenAfter(t *testing.T) {
	began := time.Unix(1_000, 0)
	at := func(ms int) time.Time { return began.Add(time.Duration(ms) * time.Millisecond) }
	boards := []*harness.Board{{Version: 1, Came: at(-900)}, {Version: 2, Came: at(0)}, {Version: 3, Came: at(10)},
		{Version: 4, Came: at(20)}, {Version: 5, Came: at(30)}}
	clients := [][]event{
		{{1, at(5_000)}, {2, at(5)}, {4, at(110)}},
		{{4, at(4)}}, // before the reader
	}
	got, err := seenAfter(boards, began, 4, clients)
	require.NoError(t, err)
	assert.InDelta(t, 100, quantile(got, 1), 0.2)
	assert.InDelta(t, 4, quantile(got, 0.5), 1.1)
	_, err = seenAfter(boards, began, 5, clients)
	require.ErrorContains(t, err, "event stream 0 has not got version 5")

	assert.InDelta(t, 1.0, eventsPerSecond(clients, began, at(1_500)), 1e-9)
}

// Serving includes everything that it calls; the pipeline is the rest of pageheat and its Kafka
// clients.
func TestWhatProcessorTimeIsFor(t *testing.T) {
	functions := map[string]*profile.Function{}
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}}}
	sample := func(ns int64, stack ...string) { // innermost first
		s := &profile.Sample{Value: []int64{1, ns}}
		for _, name := range stack {
			if functions[name] == nil {
				functions[name] = &profile.Function{ID: uint64(len(functions) + 1), Name: name}
				p.Function = append(p.Function, functions[name])
				p.Location = append(p.Location, &profile.Location{ID: functions[name].ID, Line: []profile.Line{{Function: functions[name]}}})
			}
			s.Location = append(s.Location, p.Location[functions[name].ID-1])
		}
		p.Sample = append(p.Sample, s)
	}
	sample(10, "internal/runtime/syscall.Syscall6", "net.(*conn).Write", "net/http.(*chunkWriter).Write", "pageheat/web.(*stream).send")
	sample(20, "internal/runtime/syscall.Syscall6", "net.(*conn).Write", "github.com/IBM/sarama.(*Broker).send")
	sample(30, "runtime.mallocgc", "pageheat/codec.DecodeBoard", "pageheat/views.(*Boards).update", "github.com/lovoo/goka.(*View).Run")
	sample(40, "runtime.mallocgc", "pageheat/codec.AppendLeaders", "pageheat/pipeline.(*heatDriver).sendLeaders")
	sample(100, "runtime.findRunnable", "runtime.schedule")
	var text bytes.Buffer
	require.NoError(t, p.Write(&text))
	res := newRun("Streams")
	require.NoError(t, splitCPU(res, text.Bytes(), 2))
	assert.InDelta(t, 2, res.get("cpu-s/M"), 1e-9)
	assert.InDelta(t, 2*0.2, res.get("serving-cpu-s/M"), 1e-9)
	assert.InDelta(t, 2*0.3, res.get("pipeline-cpu-s/M"), 1e-9)
	assert.InDelta(t, 2*0.5, res.get("runtime-cpu-s/M"), 1e-9)
	assert.Error(t, splitCPU(res, []byte("no profile"), 2))
}

// A client records versions, whatever the length of a board, and reports why it has ended.
func TestStreamClients(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprintf(w, "retry: 1\n\n:\n\nid: 7\ndata: {%s}\n\nid: 9\ndata: {}\n\n", strings.Repeat("x", 100_000))
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	defer server.Close()
	s, err := openStreams(ctx, server.Listener.Addr().String(), 3)
	require.NoError(t, err)
	defer s.close()
	require.NoError(t, s.wait(ctx, 9))
	for _, events := range s.all() {
		require.Len(t, events, 2)
		assert.Equal(t, []uint64{7, 9}, []uint64{events[0].version, events[1].version})
	}
	server.CloseClientConnections()
	require.ErrorContains(t, s.wait(ctx, 10), "event stream 0")

	c := &streamClient{more: make(chan struct{}, 1)}
	c.read(bufio.NewReader(strings.NewReader("id: x\n\n")))
	require.Error(t, c.failed)
	_, err = openStreams(ctx, "127.0.0.1:1", 1)
	require.ErrorContains(t, err, "event stream 1 of 1")
}
