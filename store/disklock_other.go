//go:build !unix

package store

// inUse reports whether err says that another process has the lock: elsewhere the
// error of the system says it.
func inUse(error) bool { return false }
