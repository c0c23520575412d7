// Package bot has an example that posts what happens on boards: it reads the topic of events with kcat and
// needs nothing else but Python.
package bot
