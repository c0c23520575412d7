package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// prebuilt is the environment variable with a program to test instead of a new build.
const prebuilt = "PAGEHEAT_PROGRAM"

// Module returns the directory of the module pageheat. The working directory must be
// in that module, or in one that replaces it, as for tests and the benchmark.
func Module(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "pageheat").Output()
	if err != nil {
		return "", fmt.Errorf("looking up the directory of the module pageheat: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Build builds the program into dir and returns its path. The working directory is as
// for [Module].
func Build(ctx context.Context, dir string) (string, error) {
	if program := os.Getenv(prebuilt); program != "" {
		return program, nil
	}
	program, err := filepath.Abs(filepath.Join(dir, "pageheat"))
	if err != nil {
		return "", fmt.Errorf("building the program: %w", err)
	}
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	module, err := Module(ctx)
	if err != nil {
		return "", err
	}
	// A test may run with the race detector or coverage. The tested program is the regular
	// build, static as releases are.
	cmd := exec.CommandContext(ctx, "go", "build", "-race=false", "-o", program, "pageheat/cmd/pageheat")
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "GOFLAGS=", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return program, nil
}
