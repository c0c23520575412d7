package main

import (
	"context"
	"fmt"
	"time"

	"pageheat/boards"
	"pageheat/pipeline"
	"pageheat/store"
)

// newTable makes the heat table of the roles heat and serve. What it returns is called when
// nothing uses the table any more.
func (pl *instance) newTable() (closed func(), err error) {
	if !pl.cfg.has(roleHeat) && !pl.cfg.has(roleServe) {
		return func() {}, nil
	}
	var disk *store.Disk
	if pl.cfg.storeDir != "" {
		if disk, err = store.OpenDisk(pl.cfg.storeDir); err != nil {
			return nil, fmt.Errorf("--store-dir: %w", err)
		}
	}
	pl.table = pipeline.NewTable(pipeline.TableConfig{Settings: pl.settings.Of(pipeline.RolePages), Scorer: pl.cfg.weights, Top: pl.cfg.settings.Top,
		Boards: pl.counted(), Disk: disk, Follow: pl.follows()})
	return func() {
		if disk == nil {
			return
		}
		if err := disk.Close(); err != nil {
			pl.cfg.log.Warn("the on-disk store was not closed cleanly; nothing is lost", "role", pipeline.RolePages, "error", err)
		}
	}, nil
}

// counted are the boards that this instance counts for.
func (pl *instance) counted() []*boards.Board {
	if !pl.cfg.has(roleHeat) {
		return nil
	}
	return pl.cfg.boards
}

// follows reports whether this instance follows the partitions of the table that it does not
// own: to answer for them, or to take them over.
func (pl *instance) follows() bool {
	return pl.cfg.has(roleServe) || pl.cfg.has(roleHeat) && pl.cfg.standby
}

// tableWaitAtMost is how long the table waits for heat.
const tableWaitAtMost = 20 * time.Second

// followTable follows the table. Without a standby this begins when heat has restored its
// partitions: others wait for those, and both at once take several times as long.
func (pl *instance) followTable(ctx context.Context) error {
	if !pl.cfg.standby {
		select {
		case <-pl.restored:
		case <-time.After(tableWaitAtMost):
		case <-ctx.Done():
			return nil
		}
	}
	return pl.supervise(ctx, "pages", pl.table.Run)
}
