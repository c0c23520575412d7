package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// drainOnSignal returns a context that the first SIGINT or SIGTERM ends. A second
// one calls exit with 128 + its number at once. stop gives the signals back and
// ends the context.
func drainOnSignal(parent context.Context, exit func(code int)) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	// Two, since signals that find the channel full are dropped.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	stopped := make(chan struct{})
	go func() {
		for drained := false; ; drained = true {
			select {
			case s := <-signals:
				if number, ok := s.(syscall.Signal); ok && drained {
					exit(128 + int(number))
					return
				}
				cancel()
			case <-stopped:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(stopped)
		cancel()
	}
}
