package main

import (
	"testing"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFlagsHaveTheDefaultsOfTheirPackages: what is not given is what the settings of the
// packages say, and that can be used.
func TestFlagsHaveTheDefaultsOfTheirPackages(t *testing.T) {
	want := newCLI()
	for _, command := range []string{"run", "demo", "produce", "top", "audit"} {
		tree := newCLI()
		parser, err := kong.New(tree, kong.Bind(&settings{}), kong.PostBuild(defaults))
		require.NoError(t, err)
		_, err = parser.Parse([]string{command})
		require.NoError(t, err, command)
		assert.Equal(t, want.Kafka, tree.Kafka)
		assert.Equal(t, want.Names, tree.Names)
		assert.Equal(t, want.Run.Pipeline, tree.Run.Pipeline)
		assert.Equal(t, want.Run.Roles, tree.Run.Roles)
		assert.Equal(t, want.Run.Member, tree.Run.Member)
		assert.Equal(t, want.Run.DrainTimeout, tree.Run.DrainTimeout)
		assert.Equal(t, want.Run.Web, tree.Run.Web)
		assert.Equal(t, want.Demo, tree.Demo)
		assert.Equal(t, want.Produce, tree.Produce)
		assert.Equal(t, want.Top, tree.Top)
		assert.Equal(t, want.Audit.MaxClicks, tree.Audit.MaxClicks)
		assert.Equal(t, want.Audit.MaxMinutes, tree.Audit.MaxMinutes)
	}
	p := testProgram(t)
	run := defaultRun()
	run.Store.Store = "memory"
	cfg, err := run.config(p)
	require.NoError(t, err)
	assert.Equal(t, defaultRoles(), cfg.roles)
	assert.NotZero(t, cfg.web.Serve.MaxStreams)
	_, err = want.Demo.config(p)
	require.NoError(t, err)
}
