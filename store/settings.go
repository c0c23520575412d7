package store

import (
	"path/filepath"

	"pageheat/failure"
)

// The kinds of storage for pages.
const (
	Memory = "memory"
	OnDisk = "disk"
)

// Settings say where pages are kept.
type Settings struct {
	// Store is Memory or OnDisk.
	Store string `default:"memory" enum:"memory,disk" help:"Storage for the pages of the heat table."`
	// StoreDir is the directory for OnDisk, which tables of other prefixes may share.
	StoreDir string `placeholder:"DIR" help:"Scratch directory for --store disk, one for each instance."`
}

// Dir is the directory of a table; empty for one in memory. The error is a
// [failure.Setting].
func (s Settings) Dir(table string) (string, error) {
	switch {
	case s.Store == Memory && s.StoreDir != "":
		return "", failure.BadSetting("store-dir", "is only for --store %s", OnDisk)
	case s.Store == Memory:
		return "", nil
	case s.StoreDir == "":
		return "", failure.BadSetting("store-dir", "must name a directory for --store %s", OnDisk)
	}
	return filepath.Join(s.StoreDir, table), nil
}
