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
	// address is where it serves HTTP.
	address string
}

// Start starts an instance with more flags of "run", and does not wait until it
// does anything. It ends with the test at the latest; where the test has failed,
// the end of its log is printed.
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

// keepLogs is an environment variable that names a directory for the whole logs of
// all instances, for those who look for what went wrong.
const keepLogs = "PAGEHEAT_TEST_LOGS"

// keepLog writes the log where it is to be kept, and says where that is.
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

// Name is the name that the instance was started with.
func (in *Instance) Name() string { return in.name }

// Log is what the instance has logged.
func (in *Instance) Log() *Log { return in.log }

// String names the instance in errors.
func (in *Instance) String() string {
	return fmt.Sprintf("instance %s (process %d)", in.name, in.PID())
}

// Ended reports whether the process has ended, and with which exit code: -1 after
// a signal.
func (in *Instance) Ended() (code int, ended bool) {
	if !in.Process.Ended() {
		return 0, false
	}
	return in.ExitCode(), true
}

// Freeze stops the instance where it stands (SIGSTOP): its connections stay open
// and it says nothing.
func (in *Instance) Freeze() error { return in.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen instance go on (SIGCONT).
func (in *Instance) Thaw() error { return in.Signal(syscall.SIGCONT) }

// Terminate asks the instance to drain and end (SIGTERM), and does not wait.
func (in *Instance) Terminate() error { return in.Signal(syscall.SIGTERM) }

// Stop asks the instance to drain (SIGTERM), waits for its end, and returns an
// error unless it ends with exit code 0 in time.
func (in *Instance) Stop() error {
	if err := in.Terminate(); err != nil {
		return err
	}
	return in.WaitEnd()
}

// Drain asks the instance to drain (SIGTERM) and returns its exit code, or an error
// unless it ends in time. It ends with an error where it was about to.
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

// lastWords is how many lines a person wants to read of an instance that has ended.
const lastWords = 20

// LastWords is the end of what the instance has logged.
func (in *Instance) LastWords() string { return in.log.Tail(lastWords) }

// stopWithin is how long an instance gets to end after SIGTERM.
const stopWithin = 40 * time.Second

// WaitEnd waits until the instance has ended by itself with exit code 0.
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

// WaitFailure waits until the instance has ended by itself, and returns its exit
// code and the end of what it has logged.
func (in *Instance) WaitFailure() (code int, says string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), Within)
	defer cancel()
	if code, err = in.Wait(ctx); err != nil {
		return 0, "", fmt.Errorf("waiting for instance %s to end by itself: %w\n%s", in.name, err, in.LastWords())
	}
	return code, in.LastWords(), nil
}

// While is a context that ends when any of the instances does; its cause says so.
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

// TakeOvers is how often the instance has taken over each heat partition, as /metrics says
// it: none if it serves nothing yet.
func (in *Instance) TakeOvers(ctx context.Context) map[string]float64 {
	all, err := in.metric(ctx, "pageheat_heat_take_overs_total", "partition")
	if err != nil {
		return nil // it is about to serve, or has ended
	}
	return all
}

// metricsEvery is how often metrics are read that a condition waits for.
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

// Restores is how many seconds the restore of each heat partition took at its last take-over.
func (in *Instance) Restores(ctx context.Context) (map[string]float64, error) {
	return in.metric(ctx, "pageheat_heat_restore_seconds", "partition")
}

// Address is where the instance serves HTTP, host:port. It waits until it does.
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

// Answer is an answer over HTTP.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Get asks the instance over HTTP. Headers come in pairs of name and value.
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

// askEvery is how often a question over HTTP is asked again that has no signal
// to wait for.
const askEvery = 20 * time.Millisecond

// WaitReady waits until /readyz says so.
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

// Page asks for a page; known is false for one that was never counted.
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

// Quit makes the instance write down what its goroutines do, and ends it.
func (in *Instance) Quit() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _ = in.Wait(ctx) // it is the stacks in the log that are wanted
}

// Restarts is how often each role that has begun was started again after an error.
func (in *Instance) Restarts(ctx context.Context) (map[string]float64, error) {
	restarts, err := in.metric(ctx, "pageheat_role_restarts_total", "role")
	if err == nil && len(restarts) == 0 {
		err = fmt.Errorf("%s has no metric of restarts of roles", in)
	}
	return restarts, err
}

// metric returns the values of a metric with one label, by the label's value, as /metrics
// says them.
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
