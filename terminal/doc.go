// Package terminal draws boards for people: in place on a terminal, in its full size, or as
// plain text. [Display] shows boards as they arrive, [Drawn] and [Text] show a single board.
package terminal
