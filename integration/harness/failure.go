package harness

import (
	"context"
	"fmt"
)

// WaitFailure waits until the instance has ended by itself, and returns its exit
// code and the end of what it has logged.
func (in *Instance) WaitFailure() (code int, says string, err error) {
	const lines = 20
	ctx, cancel := context.WithTimeout(context.Background(), Within)
	defer cancel()
	code, err = in.proc.wait(ctx)
	if err != nil {
		return 0, "", fmt.Errorf("waiting for instance %s to end by itself: %w\n%s", in.name, err, in.proc.log.tail(lines))
	}
	return code, in.proc.log.tail(lines), nil
}
