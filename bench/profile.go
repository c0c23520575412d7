package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"pageheat/integration/harness"
)

// profiles has pageheat write profiles. The program itself has no such thing: it
// is built with one more file, which takes the profile of processor time from the
// start of the process on, and writes it and one of memory at SIGUSR1.
type profiles struct {
	dir string // empty: none are wanted
	// trace asks for an execution trace instead of profiles.
	trace bool
}

//go:embed testdata/profile.go.txt
var profileSource []byte

// profileEnv tells the added file the directory to write to, executionEnv to write an
// execution trace.
const (
	profileEnv   = "PAGEHEAT_TEST_BENCH_PROFILE"
	executionEnv = "PAGEHEAT_TEST_BENCH_TRACE"
)

func (p *profiles) wanted() bool { return p != nil && p.dir != "" }

// build builds the program with profiles into dir.
func (p *profiles) build(ctx context.Context, dir string) (string, error) {
	module, err := harness.Module(ctx)
	if err != nil {
		return "", fmt.Errorf("building the program with profiles: %w", err)
	}
	source := filepath.Join(dir, "profile.go")
	added := filepath.Join(module, "cmd", "pageheat", "bench_profile.go")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {added: source}})
	if err != nil {
		return "", fmt.Errorf("building the program with profiles: %w", err)
	}
	replace := filepath.Join(dir, "overlay.json")
	for file, text := range map[string][]byte{source: profileSource, replace: overlay} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return "", fmt.Errorf("building the program with profiles: %w", err)
		}
	}
	if err := os.MkdirAll(p.dir, 0o750); err != nil {
		return "", fmt.Errorf("making the directory of profiles: %w", err)
	}
	program := filepath.Join(dir, "pageheat")
	build := exec.CommandContext(ctx, "go", "build", "-overlay", replace, "-o", program, "pageheat/cmd/pageheat")
	build.Dir = module
	if text, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program with profiles: %w\n%s", err, text)
	}
	return program, nil
}

// env is for a process that will be asked.
func (p *profiles) env() []string {
	if !p.wanted() {
		return nil
	}
	env := []string{profileEnv + "=" + p.dir}
	if p.trace {
		env = append(env, executionEnv+"=1")
	}
	return env
}

// kinds are the endings of the files that are written.
func (p *profiles) kinds() []string {
	if p.trace {
		return []string{".trace"}
	}
	return []string{".cpu", ".heap"}
}

// file is what a process has written, once it was collected.
func (p *profiles) file(of *process, name, kind string) string {
	return filepath.Join(p.dir, name+"-"+strconv.Itoa(of.cmd.Process.Pid)+kind)
}

// collect has a process write its profiles, with a name that tells them from others'.
func (p *profiles) collect(of *process, name string) error {
	if !p.wanted() {
		return nil
	}
	if err := of.signal(syscall.SIGUSR1); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	if err := of.log.wait(ctx, "profiles are written", 1); err != nil {
		return err
	}
	for _, kind := range p.kinds() {
		if err := os.Rename(p.file(of, "pid", kind), p.file(of, name, kind)); err != nil {
			return fmt.Errorf("keeping a profile: %w", err)
		}
	}
	return nil
}
