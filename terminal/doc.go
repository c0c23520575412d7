// Package terminal draws boards for people: in place on a terminal, as wide and as high
// as it is, or as plain text. [Display] shows boards as they come, [Drawn] and [Text] one
// of them.
package terminal
