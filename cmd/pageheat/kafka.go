package main

import (
	"context"
	"errors"
	"time"
)

// requestTimeout bounds one administrative step.
const requestTimeout = 30 * time.Second

// reach makes sure that a broker answers.
func (p *program) reach(ctx context.Context) error {
	if exposed := p.kafka.Exposed(); exposed != "" {
		p.log.Warn(exposed)
	}
	err := p.kafka.Reach(ctx)
	if err != nil && ctx.Err() != nil {
		return errInterrupted
	}
	return err
}

// interrupted is errInterrupted instead of an error that comes of ctx being done.
func interrupted(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return errInterrupted
	}
	return err
}
