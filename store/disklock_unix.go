//go:build unix

package store

import (
	"errors"
	"syscall"
)

// inUse reports whether err says that another process has the lock.
func inUse(err error) bool { return errors.Is(err, syscall.EWOULDBLOCK) }
