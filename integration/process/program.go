package process

import (
	"os"
	"syscall"
)

// WriteProgram writes a program that can be started at once. With os.WriteFile, a process that another goroutine starts
// meanwhile has the file open for writing until it executes its own program, and until then this one cannot be
// executed ("text file busy"). WriteProgram may be called concurrently, for different files.
func WriteProgram(file string, content []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(file, content, 0o700) //nolint:gosec // it is executed
}
