package main

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestVersions: what the Go tool records in each kind of build. .ci/packages looks at real builds.
func TestVersions(t *testing.T) {
	const commit = "437e5ab3c0ffee00000000000000000000000000"
	revision, modified := debug.BuildSetting{Key: "vcs.revision", Value: commit}, debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	clean := debug.BuildSetting{Key: "vcs.modified", Value: "false"}
	for name, c := range map[string]struct {
		main            string
		settings        []debug.BuildSetting
		version, source string
	}{
		"a tag":            {"v1.2.3", []debug.BuildSetting{revision, clean}, "v1.2.3", commit},
		"between tags":     {"v1.2.4-0.20260102030405-437e5ab3c0ff", []debug.BuildSetting{revision, clean}, "v1.2.4-0.20260102030405-437e5ab3c0ff", commit},
		"a modified tree":  {"v1.2.3+dirty", []debug.BuildSetting{revision, modified}, "v1.2.3+dirty", commit + " (modified)"},
		"a module's proxy": {"v1.2.3", nil, "v1.2.3", "unknown"},
		"no repository":    {"(devel)", nil, "(devel)", "unknown"},
		"go run":           {"", nil, "(devel)", "unknown"},
	} {
		version, source := versionOf(&debug.BuildInfo{Main: debug.Module{Version: c.main}, Settings: c.settings})
		assert.Equal(t, c.version, version, name)
		assert.Equal(t, c.source, source, name)
	}
}
