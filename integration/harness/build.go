package harness

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// prebuilt is an environment variable that names a program to be tested instead of
// one that is built from here.
const prebuilt = "PAGEHEAT_PROGRAM"

// Build builds the program into dir and returns its path. It must be called
// below the module's directory, as tests are.
func Build(ctx context.Context, dir string) (string, error) {
	if program := os.Getenv(prebuilt); program != "" {
		return program, nil
	}
	program := filepath.Join(dir, "pageheat")
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	// A test may run under the race detector or with coverage; the program that
	// is judged is the one that people get.
	cmd := exec.CommandContext(ctx, "go", "build", "-race=false", "-o", program, "pageheat/cmd/pageheat")
	cmd.Env = append(os.Environ(), "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the program: %w\n%s", err, out)
	}
	return program, nil
}
