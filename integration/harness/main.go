package harness

import (
	"context"
	"fmt"
	"os"
	"testing"
)

// Main builds the program and runs the tests of a package. It calls begin with the program's
// path before the tests and end after them. It returns the exit code: 1 if the build or end
// fails.
func Main(m *testing.M, begin func(program string), end func() error) int {
	dir, err := os.MkdirTemp("", "pageheat-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	program, err := Build(context.Background(), dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	begin(program)
	code := m.Run()
	if err := end(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}
