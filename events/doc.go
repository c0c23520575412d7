// Package events says what happened on boards: which pages entered, left, took rank 1, or rose. It is
// pure: it compares each board with the one before, as the output has them, and knows no client and no
// clock. docs/events.md has the reasons.
//
//   - settings.go: [Settings] are what an operator writes, [Rules] what they mean.
//   - follower.go: a [Follower] takes boards in the order of the output and returns events.
//   - record.go: [Follower.Record] reads records of the output.
//   - rise.go: which places a page has held, and for how long it matters.
package events
