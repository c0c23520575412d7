package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// onHangup calls reload at each SIGHUP, one call at a time, until stop is called. stop gives the
// signal back, and returns when no call runs.
func onHangup(reload func()) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for range signals {
			reload()
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
		<-ended
	}
}

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
