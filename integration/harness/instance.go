package harness

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pageheat/integration/process"
)

// Instance is a process of "pageheat run".
type Instance struct {
	*process.Process
	name string
	log  *Log
	// address is its HTTP address.
	address string
}

// Start starts an instance with additional flags of "run". It does not wait until the instance
// is active. The instance ends with the test at the latest. If the test fails, the end of its
// log is printed.
func (s *Site) Start(name string, flags ...string) *Instance {
	s.t.Helper()
	in, err := s.StartInstance(name, flags...)
	s.must(err, "starting instance %s", name)
	s.t.Cleanup(func() {
		if err := in.Kill(); err != nil {
			s.t.Errorf("ending instance %s: %v", name, err)
		}
		kept := s.keepLog(in)
		if s.t.Failed() {
			const lines = 60
			s.t.Logf("log of instance %s (process %d):\n%s%s", name, in.PID(), in.log.Tail(lines), kept)
		}
	})
	return in
}

// keepLogs is the environment variable with a directory for the complete logs of all instances,
// for debugging.
const keepLogs = "PAGEHEAT_TEST_LOGS"

// keepLog writes the log to that directory, and returns its path.
func (s *Site) keepLog(in *Instance) string {
	dir := os.Getenv(keepLogs)
	if dir == "" {
		return ""
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%s.log", s.Prefix, strings.ReplaceAll(in.name, " ", "-")))
	if err := os.WriteFile(path, []byte(in.log.Tail(in.log.Len())), 0o600); err != nil {
		return err.Error()
	}
	return "all of it is in " + path
}

// Name is the name of the instance.
func (in *Instance) Name() string { return in.name }

// Log is the log of the instance.
func (in *Instance) Log() *Log { return in.log }

// String names the instance in errors.
func (in *Instance) String() string {
	return fmt.Sprintf("instance %s (process %d)", in.name, in.PID())
}

// Ended reports whether the process has ended, and its exit code: -1 after a signal.
func (in *Instance) Ended() (code int, ended bool) {
	if !in.Process.Ended() {
		return 0, false
	}
	return in.ExitCode(), true
}

// Freeze suspends the instance (SIGSTOP): its connections stay open but do not respond.
func (in *Instance) Freeze() error { return in.Signal(syscall.SIGSTOP) }

// Thaw resumes a frozen instance (SIGCONT).
func (in *Instance) Thaw() error { return in.Signal(syscall.SIGCONT) }

// Terminate sends SIGTERM and does not wait.
func (in *Instance) Terminate() error { return in.Signal(syscall.SIGTERM) }

// Stop sends SIGTERM, waits for the end, and returns an error unless the instance ends in time
// with exit code 0.
func (in *Instance) Stop() error {
	if err := in.Terminate(); err != nil {
		return err
	}
	return in.WaitEnd()
}

// Drain sends SIGTERM and returns the exit code, or an error unless the instance ends in time.
// The exit code is not 0 if it was about to fail.
func (in *Instance) Drain(limit time.Duration) (code int, err error) {
	if err := in.Terminate(); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if code, err = in.Wait(ctx); err != nil {
		return code, fmt.Errorf("instance %s does not end on SIGTERM within %v: %w", in.name, limit, err)
	}
	return code, nil
}

// lastWords is the number of log lines to show for an instance that has ended.
const lastWords = 20

// LastWords returns the end of the log.
func (in *Instance) LastWords() string { return in.log.Tail(lastWords) }

// stopWithin is the time limit for the end after SIGTERM.
const stopWithin = 40 * time.Second

// WaitEnd waits until the instance ends by itself with exit code 0.
func (in *Instance) WaitEnd() error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	code, err := in.Wait(ctx)
	if err != nil {
		return fmt.Errorf("stopping instance %s: %w", in.name, err)
	}
	if code != 0 {
		return fmt.Errorf("instance %s ended with exit code %d instead of 0", in.name, code)
	}
	return nil
}

// WaitFailure waits until the instance ends by itself, and returns its exit code and the end of
// its log.
func (in *Instance) WaitFailure() (code int, says string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), Within)
	defer cancel()
	if code, err = in.Wait(ctx); err != nil {
		return 0, "", fmt.Errorf("waiting for instance %s to end by itself: %w\n%s", in.name, err, in.LastWords())
	}
	return code, in.LastWords(), nil
}

// While returns a context that ends when any of the instances does; its cause names the
// instance.
func While(ctx context.Context, instances ...*Instance) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	for _, in := range instances {
		go func() {
			select {
			case <-in.Done():
				cancel(fmt.Errorf("%s has ended by itself with exit code %d\n%s", in, in.ExitCode(), in.LastWords()))
			case <-ctx.Done():
			}
		}()
	}
	return ctx, func() { cancel(nil) }
}

// WaitLog waits for a line of the log from the given line on; see Log.Wait.
func (in *Instance) WaitLog(ctx context.Context, from int, match func(Entry) bool) (Entry, int, error) {
	ctx, cancel := While(ctx, in)
	defer cancel()
	e, next, err := in.log.Wait(ctx, from, match)
	if err != nil {
		err = fmt.Errorf("waiting for a line in the log of instance %s: %w", in.name, context.Cause(ctx))
	}
	return e, next, err
}

// TakeOvers returns the number of take-overs of each heat partition from /metrics; none if the
// instance does not serve yet.
func (in *Instance) TakeOvers(ctx context.Context) map[string]float64 {
	all, err := in.metric(ctx, "pageheat_heat_take_overs_total", "partition")
	if err != nil {
		return nil // it does not serve yet, or has ended
	}
	return all
}

// metricsEvery is the interval for polling metrics.
const metricsEvery = 50 * time.Millisecond

// WaitOwner waits until the instance has taken over a number of heat partitions.
func (in *Instance) WaitOwner(ctx context.Context, partitions int) error {
	for {
		owned := in.TakeOvers(ctx)
		if len(owned) >= partitions {
			return nil
		}
		select {
		case <-time.After(metricsEvery):
		case <-in.Done():
			return fmt.Errorf("waiting until instance %s owns %d heat partitions: it has ended with exit code %d\n%s", in.name, partitions, in.ExitCode(), in.LastWords())
		case <-ctx.Done():
			return fmt.Errorf("waiting until instance %s owns %d heat partitions: %w; it has taken over %v", in.name, partitions, context.Cause(ctx), owned)
		}
	}
}

// Restores returns the duration in seconds of the last restore of each heat partition.
func (in *Instance) Restores(ctx context.Context) (map[string]float64, error) {
	return in.metric(ctx, "pageheat_heat_restore_seconds", "partition")
}

// Address returns the HTTP address, host:port. It waits until the instance serves.
func (in *Instance) Address(ctx context.Context) (string, error) {
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", in.address)
		if err == nil {
			return in.address, c.Close()
		}
		select {
		case <-time.After(askEvery):
		case <-in.Done():
			return "", fmt.Errorf("waiting until instance %s serves HTTP: it has ended with exit code %d", in.name, in.ExitCode())
		case <-ctx.Done():
			return "", fmt.Errorf("waiting until instance %s serves HTTP: %w", in.name, err)
		}
	}
}

// Answer is an HTTP response.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Get sends an HTTP request to the instance. Headers are pairs of name and value.
func (in *Instance) Get(ctx context.Context, path string, headers ...string) (Answer, error) {
	address, err := in.Address(ctx)
	if err != nil {
		return Answer{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		return Answer{}, fmt.Errorf("asking for %s: %w", path, err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return Answer{}, fmt.Errorf("asking instance %s: %w", in.name, err)
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return Answer{}, fmt.Errorf("reading %s of instance %s: %w", path, in.name, err)
	}
	return Answer{response.StatusCode, response.Header, body}, nil
}

// askEvery is the interval for polling over HTTP if there is no signal to wait for.
const askEvery = 20 * time.Millisecond

// WaitReady waits until /readyz reports ready.
func (in *Instance) WaitReady(ctx context.Context) error {
	var last Answer
	var err error
	for {
		if last, err = in.Get(ctx, "/readyz"); err == nil && last.Status == http.StatusOK {
			return nil
		}
		select {
		case <-time.After(askEvery):
		case <-in.Done():
			return fmt.Errorf("waiting until instance %s is ready: it has ended with exit code %d", in.name, in.ExitCode())
		case <-ctx.Done():
			return fmt.Errorf("waiting until instance %s is ready: %w; last answer: %w %d %s", in.name, ctx.Err(), err, last.Status, last.Body)
		}
	}
}

// Page requests a page; known is false if it was never counted.
func (in *Instance) Page(ctx context.Context, page string) (p Page, known bool, err error) {
	a, err := in.Get(ctx, "/api/v1/page?page="+url.QueryEscape(page))
	if err != nil {
		return Page{}, false, err
	}
	switch a.Status {
	case http.StatusNotFound:
		return Page{}, false, nil
	case http.StatusOK:
		if err := json.Unmarshal(a.Body, &p); err != nil {
			return Page{}, false, fmt.Errorf("page %q of instance %s: %w", page, in.name, err)
		}
		return p, true, nil
	}
	return Page{}, false, fmt.Errorf("page %q of instance %s: status %d: %s", page, in.name, a.Status, a.Body)
}

// Quit makes the instance print its goroutines and end.
func (in *Instance) Quit() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _ = in.Wait(ctx) // only the stacks in the log matter
}

// Restarts returns the number of restarts after an error of each role that has started.
func (in *Instance) Restarts(ctx context.Context) (map[string]float64, error) {
	restarts, err := in.metric(ctx, "pageheat_role_restarts_total", "role")
	if err == nil && len(restarts) == 0 {
		err = fmt.Errorf("%s has no metric of restarts of roles", in)
	}
	return restarts, err
}

// metric returns the values of a metric with one label, by the label's value, from /metrics.
func (in *Instance) metric(ctx context.Context, name, label string) (map[string]float64, error) {
	a, err := in.Get(ctx, "/metrics")
	if err != nil {
		return nil, err
	}
	if a.Status != http.StatusOK {
		return nil, fmt.Errorf("the metrics of %s: status %d: %s", in, a.Status, a.Body)
	}
	all := make(map[string]float64)
	line := regexp.MustCompile(`(?m)^` + name + `\{` + label + `="(\w+)"\} (\S+)$`)
	for _, m := range line.FindAllStringSubmatch(string(a.Body), -1) {
		if all[m[1]], err = strconv.ParseFloat(m[2], 64); err != nil {
			return nil, fmt.Errorf("%s of %s: %w", name, in, err)
		}
	}
	return all, nil
}
