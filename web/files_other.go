//go:build !unix

package web

// maxFiles is how many files this process may have open; 0 if it is not known.
func maxFiles() int { return 0 }
