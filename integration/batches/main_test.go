package batches

import (
	"os"
	"testing"

	"pageheat/integration/harness"
)

// suite is what the tests of the package share.
type suite struct{ program string }

// shared is set by TestMain, before any test.
var shared *suite

func TestMain(m *testing.M) {
	os.Exit(harness.Main(m, func(program string) { shared = &suite{program: program} }, func() error { return nil }))
}
