package pipeline

import (
	"context"
	"time"

	"github.com/IBM/sarama"

	"pageheat/codec"
	"pageheat/processors"
)

// driver stands between a stage of package processors and what happens in a session.
type driver interface {
	// heard tells the stage that a message of a kind that it fed is acknowledged.
	heard(kind codec.Feed, now time.Time) error
	// next asks the stage for its next action.
	next(now time.Time) processors.Action
	// feeds is called before a message is fed.
	feeds(kind codec.Feed)
	// send hands goka a message, in order. It returns the context's error if that ends before.
	send(ctx context.Context, m *sarama.ConsumerMessage) error
	// act carries out an action that is specific to a stage.
	act(ctx context.Context, a *processors.Action, now time.Time) error
	// await returns after an event, of which it has told the stage, or after a signal.
	// The action is the DoWait; where it has no Input, the stage must be given none.
	await(ctx context.Context, a *processors.Action, s signals) error
	// end tells the stage that the session is about to end.
	end()
}

// signals are reasons to ask the stage again.
type signals struct {
	wake  <-chan struct{} // something was acknowledged
	due   <-chan time.Time
	ended <-chan struct{} // the session is about to end
}

// drive carries what happens to a stage, and what it asks for out, until it has come to
// its end. It decides nothing.
func (f *feeder) drive(ctx, session context.Context, d driver) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	s := signals{wake: f.wake, due: timer.C, ended: session.Done()}
	for {
		select {
		case <-s.ended:
			s.ended = nil
			d.end()
		default:
		}
		now := time.Now()
		for kind, ok := f.acknowledged(); ok; kind, ok = f.acknowledged() {
			if err := d.heard(kind, now); err != nil {
				return err
			}
		}
		a := d.next(now)
		for ; a.Do != processors.DoWait; a = d.next(now) {
			var err error
			switch a.Do {
			case processors.DoEnd:
				return nil
			case processors.DoFail:
				err = a.Err
			case processors.DoFeed:
				d.feeds(a.Kind())
				err = d.send(ctx, f.prepare(&a))
				now = time.Now() // it may have waited
			default:
				err = d.act(ctx, &a, now)
			}
			if err != nil {
				return err
			}
		}
		if !a.Until.IsZero() {
			timer.Reset(a.Until.Sub(now))
		}
		if err := d.await(ctx, &a, s); err != nil {
			return err
		}
	}
}
