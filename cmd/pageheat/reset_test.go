package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
)

// TestResetLeavesTheBoardsOfOthers: with a mistyped prefix, the output is all that is found.
func TestResetLeavesTheBoardsOfOthers(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Embedded(t)
	command := func(args ...string) (code int, said string) {
		var out bytes.Buffer
		code = run(t.Context(), append(args, "--brokers", cluster.Bootstrap()), strings.NewReader(""), &out, &out)
		return code, out.String()
	}
	code, said := command("topics", "create")
	require.Equal(t, exitDone, code, said)
	board := &kgo.Record{Topic: "page-popularity-top10", Key: []byte("all-time"), Value: []byte("{}"), Headers: []kgo.RecordHeader{
		{Key: codec.HeaderPositions, Value: codec.AppendOrigin(nil, codec.Origin{Group: "pageheat-rank", Definition: codec.Define(heat.DefaultWeights(), 10)})}}}
	stranger := &kgo.Record{Topic: board.Topic, Key: []byte("all-time"), Value: []byte("{}")}
	client, err := kgo.NewClient(cluster.Connect()...)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	require.NoError(t, client.ProduceSync(t.Context(), board, stranger).FirstErr())

	code, said = command("reset", "--yes", "--prefix", "pagehaet")
	require.Equal(t, exitFailed, code, said)
	require.Contains(t, said, "topic page-popularity-top10 has boards of the group pageheat-rank, and the ranking of this deployment is the group pagehaet-rank")
	require.NotContains(t, said, "deleted")
	code, said = command("reset", "--yes")
	require.Equal(t, exitDone, code, said)
	require.Contains(t, said, "topic page-popularity-top10 deleted")
}
