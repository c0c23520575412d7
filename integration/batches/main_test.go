package batches

import (
	"os"
	"testing"

	"pageheat/integration/harness"
)

// program is the built program; TestMain sets it before any test.
var program string

func TestMain(m *testing.M) {
	os.Exit(harness.Main(m, func(built string) { program = built }, func() error { return nil }))
}
