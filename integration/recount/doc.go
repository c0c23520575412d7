// Package recount compares boards with those of recount.py, a second implementation in Python that is
// written from docs/boards.md.
package recount
