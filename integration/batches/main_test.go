package batches

import (
	"context"
	"fmt"
	"os"
	"testing"

	"pageheat/integration/harness"
)

// suite is what the tests of the package share.
type suite struct{ program string }

// shared is set by TestMain, before any test.
var shared *suite

func TestMain(m *testing.M) { os.Exit(testMain(m)) }

func testMain(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pageheat-batches-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	shared = &suite{}
	if shared.program, err = harness.Build(context.Background(), dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
