package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"

	"github.com/google/pprof/profile"

	"pageheat/integration/harness"
)

// take requests a profile or trace of the next seconds from an instance.
func take(ctx context.Context, in *harness.Instance, kind string, seconds int) ([]byte, error) {
	answer, err := in.Get(ctx, fmt.Sprintf("/debug/pprof/%s?seconds=%d", kind, seconds))
	if err == nil && answer.Status != http.StatusOK {
		err = fmt.Errorf("%s answers with status %d: %s", in, answer.Status, answer.Body)
	}
	return answer.Body, err
}

// recording takes profiles or traces one after the other, each of one second.
type recording struct {
	stop chan struct{}
	done chan struct{}
	all  [][]byte
	err  error
}

func record(ctx context.Context, in *harness.Instance, kind string) *recording {
	r := &recording{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		for r.err == nil {
			var one []byte
			one, r.err = take(ctx, in, kind, 1)
			r.all = append(r.all, one)
			select {
			case <-r.stop:
				return
			default:
			}
		}
	}()
	return r
}

// end returns what was recorded, at least up to now.
func (r *recording) end() ([][]byte, error) {
	close(r.stop)
	<-r.done
	return r.all, r.err
}

// keep writes the CPU profiles, merged, and a memory profile, for go tool pprof.
func (r *recording) keep(ctx context.Context, in *harness.Instance, dir, name string) error {
	all, err := r.end()
	if err != nil {
		return err
	}
	var parsed []*profile.Profile
	for _, one := range all {
		p, err := profile.ParseData(one)
		if err != nil {
			return fmt.Errorf("reading a profile of %s: %w", in, err)
		}
		parsed = append(parsed, p)
	}
	merged, err := profile.Merge(parsed)
	if err != nil {
		return fmt.Errorf("merging the profiles of %s: %w", in, err)
	}
	var cpu bytes.Buffer
	if err := merged.Write(&cpu); err != nil {
		return fmt.Errorf("writing a profile of %s: %w", in, err)
	}
	answer, err := in.Get(ctx, "/debug/pprof/allocs")
	if err != nil {
		return err
	}
	err = os.MkdirAll(dir, 0o750)
	for kind, text := range map[string][]byte{"cpu": cpu.Bytes(), "allocs": answer.Body} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name+"."+kind), text, 0o600))
	}
	if err != nil {
		return fmt.Errorf("keeping profiles: %w", err)
	}
	return nil
}
