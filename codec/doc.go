// Package codec holds every wire format of pageheat: the behaviours that come in,
// what the pipeline's own topics and tables hold, and the board that goes out.
// It speaks in bytes and in the words of package heat; it knows no client and
// does no I/O.
//
// What is read from others:
//
//   - behaviour.go, text.go, json.go, number.go: a behaviour, as text
//     (page|clicks|minutes|like) or as a JSON object. [ParseBehaviour] says what
//     is accepted; refusal.go says why a message was not.
//
// What the pipeline writes for itself. All of these start with a version byte
// and hold little but variable-length integers (wire.go):
//
//   - rangewire.go: a range, what one input partition holds for one target
//     partition at offsets in (from, to]: sums per page.
//   - pagestate.go: a page's totals, a value of the heat table.
//   - progress.go: how far a heat partition has counted, and its owner's fence:
//     two more values of that table.
//   - forget.go: a request to forget a page, and what the table keeps of a page that was forgotten.
//   - leaders.go: a heat partition's hottest pages.
//   - epoch.go: the epoch of the ranking's owner, and the positions that a board
//     was made from.
//   - trail.go: what the events of a board are made from, and how far the output was read for them.
//   - keys.go: the keys of the records that are no page's.
//
// What others read:
//
//   - board.go: the board, one JSON object.
//   - event.go: what happened to a page on a board, one JSON object.
//
// What never leaves the process:
//
//   - feed.go, route.go: what package pipeline hands goka's processors for many records
//     at once, and how a record names its partition.
//
// gokacodecs.go wraps these for goka, which wants a codec for each stream and
// table.
//
// Every decoder checks what it reads: it never panics and never trusts a length. Those of stored formats also refuse versions they do not know, bytes left
// over and integers that are not in their shortest form, so an encoder
// reproduces what its decoder accepts byte for byte; their errors wrap [ErrMalformed].
package codec
