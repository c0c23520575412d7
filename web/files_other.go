//go:build !unix

package web

// maxFiles is the open-file limit of this process; 0 if it is not known.
func maxFiles() int { return 0 }
