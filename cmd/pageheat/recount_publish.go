package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"pageheat/audit"
	"pageheat/boards"
	"pageheat/boards/boardsettings"
	"pageheat/codec"
	"pageheat/failure"
	"pageheat/kafka"
)

// publishWithin is how long the ranking has to publish a board.
const publishWithin = 30 * time.Second

// publishable makes sure that the ranking publishes no board of the period any more, and would keep this one. It
// reports whether one of the whole period is there already.
func (c *recountCmd) publishable(ctx context.Context, p *program, w *audit.Wanted, now time.Time) (there bool, err error) {
	board, err := boards.New(w.Definition)
	if err != nil {
		return false, err
	}
	slot, _ := board.Period(w.Period)
	begins := board.Begins(slot)
	if kept := now.Add(-w.Definition.Keep); begins.Time().Before(kept) {
		return false, failure.BadSetting("publish", "the period %s began more than %s ago: its board is not kept", w.Period, w.Definition.Keep)
	}
	open, err := p.output().Newest(ctx, w.Definition.Name)
	switch {
	case err != nil:
		return false, err
	case open.Board == nil:
		return false, fmt.Errorf("there is no board %q in topic %s: the instances must have it", w.Definition.Name, p.topo.Output)
	case open.Board.DefinitionHash != w.Definition.Hash():
		return false, failure.BadSetting("boards", "the published board %q has another definition: %s, and not %s", w.Definition.Name, open.Board.Definition, boardsettings.Object(w.Definition))
	}
	origin, err := codec.DecodeOrigin(open.Origin)
	if err != nil {
		return false, fmt.Errorf("the header of board %q: %w", w.Definition.Name, err)
	}
	if !slices.ContainsFunc(origin.Boards, func(b codec.OriginBoard) bool { return b.Name == w.Definition.Name && begins < b.Closed }) {
		return false, fmt.Errorf("the ranking has not closed the period %s yet: it publishes that board itself, soon after the end of the period and its grace", w.Period)
	}
	published, err := p.output().Newest(ctx, w.Key())
	if b := published.Board; err != nil || b == nil || b.DefinitionHash != w.Definition.Hash() || b.Since != nil {
		return false, err
	}
	_, err = fmt.Fprintf(p.stdout, "nothing to do: board %s is published, version %d\n", w.Key(), published.Board.Version)
	return true, err
}

// publish has the ranking publish the board. The ranking owns the output: its versions go on, and a second writer would
// have to fence it. What gets lost when another instance takes the ranking over is sent again.
func (c *recountCmd) publish(ctx context.Context, p *program, w *audit.Wanted, result *audit.RecountedBoard) error {
	if len(result.Gone) > 0 {
		return errors.New("recount: the input does not reach back to where the period begins: its board cannot be published")
	}
	if len(result.Board.Pages) == 0 {
		_, err := fmt.Fprintf(p.stdout, "nothing to do: board %s has no pages\n", w.Key())
		return err
	}
	before, err := p.output().Newest(ctx, w.Key())
	if err != nil {
		return err
	}
	var version uint64
	if before.Board != nil {
		version = before.Board.Version
	}
	result.Board.UpdatedAt = time.Now()
	value, err := codec.EncodeBoard(&result.Board)
	if err != nil {
		return err
	}
	notice := codec.AppendNotice(nil, codec.Notice{Board: value})
	ctx, cancel := context.WithTimeoutCause(ctx, publishWithin, fmt.Errorf("no ranking has published the board within %s: an instance with the role rank must run, with this board", publishWithin))
	defer cancel()
	for {
		if err := c.notify(p, notice); err != nil {
			return err
		}
		again, stop := context.WithTimeout(ctx, publishWithin/6)
		for published, err := range p.output().Follow(again, w.Key()) {
			if err != nil && again.Err() == nil {
				stop()
				return err
			}
			if err == nil && published.Board.Version > version {
				stop()
				_, err := fmt.Fprintf(p.stdout, "board %s is published, version %d\n", w.Key(), published.Board.Version)
				return err
			}
		}
		stop()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
}

// notify sends a notice to the owner of the ranking.
func (c *recountCmd) notify(p *program, notice []byte) error {
	sender, err := p.kafka.Sender("recount", p.topo.Leaders, kafka.Sending{Placed: true, Within: publishWithin})
	if err != nil {
		return err
	}
	defer sender.Close()
	if err := sender.Queue(&kafka.Record{Topic: p.topo.Leaders, Key: []byte(codec.NoticeKey()), Value: notice}); err != nil {
		return err
	}
	return sender.Drain()
}
