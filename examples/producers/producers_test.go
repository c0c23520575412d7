package producers

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"pageheat/collect"
	"pageheat/heat"
	"pageheat/integration/kafkatest"
	"pageheat/web"
)

// topic is the input. It is busy at first.
type topic struct {
	mu       sync.Mutex
	busy     int
	messages []string
}

func (t *topic) Write(_ context.Context, messages [][]byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.busy > 0 {
		t.busy--
		return collect.ErrBusy
	}
	for _, m := range messages {
		t.messages = append(t.messages, string(m))
	}
	return nil
}

// TestProducers: each example sends every valid behaviour once and in order, reports the invalid
// one, and sends again when the collector asks it to.
func TestProducers(t *testing.T) {
	for _, c := range []struct {
		name    string
		program []string
	}{
		{"PHP", []string{"php", "send.php"}},
		{"Python", []string{"python3", "send.py"}},
		{"JavaScript", []string{"node", "send.mjs"}},
		{"Java", []string{"java", "Send.java"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			program := kafkatest.NeedTool(t, c.program[0])
			input := &topic{busy: 1}
			cfg := web.Config{Collect: web.Collect{MaxBytes: 1 << 20, Rate: 1e6, Burst: 1000, Collector: collect.New(collect.Config{
				Writer: input, Limits: heat.DefaultLimits(), MaxPageBytes: 1024, Timeout: time.Second})}}
			handler, err := web.Handler(cfg)
			require.NoError(t, err)
			server := httptest.NewServer(handler)
			defer server.Close()

			var lines, want []string
			for i := range 250 {
				line := fmt.Sprintf("/日/%d|1|0.25|1", i)
				if i == 123 {
					line = "/wrong|x|0|0"
				} else {
					want = append(want, line)
				}
				lines = append(lines, line)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			cmd := exec.CommandContext(ctx, program, append(c.program[1:], server.URL+"/api/v1/behaviours")...)
			cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
			var said bytes.Buffer
			cmd.Stdout, cmd.Stderr = &said, &said
			require.NoError(t, cmd.Run(), said.String())
			require.Equal(t, want, input.messages)
			require.Contains(t, said.String(), "clicks", "the refused behaviour is reported")

			cmd = exec.CommandContext(ctx, program, append(c.program[1:], server.URL+"/nowhere")...)
			cmd.Stdin = strings.NewReader(lines[0])
			require.Error(t, cmd.Run(), "a wrong address is an error")
		})
	}
}
