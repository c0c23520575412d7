package integration

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// firstBuild is the commit of the build before this one as long as there is no tag: its formats are
// the first that must be read.
const firstBuild = "ba55b6c3a467973f68f165ea15682735f0b8c4f3"

// previousBuild builds the newest tag before the current commit, or firstBuild, from the history of
// the repository. It fails without the history: a release must not go out untested.
func previousBuild(t *testing.T) string {
	t.Helper()
	kafkatest.Long(t)
	command := func(dir, name string, args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), name, args...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "GOFLAGS=")
		out, err := cmd.CombinedOutput()
		if err != nil {
			err = fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
		}
		return strings.TrimSpace(string(out)), err
	}
	must := func(dir, name string, args ...string) {
		_, err := command(dir, name, args...)
		require.NoError(t, err)
	}
	module, err := harness.Module(t.Context())
	require.NoError(t, err)
	commit := firstBuild
	if tag, err := command(module, "git", "describe", "--tags", "--abbrev=0", "HEAD^"); err == nil {
		commit = tag
	}
	_, err = command(module, "git", "cat-file", "-e", commit+"^{commit}")
	require.NoError(t, err, "the build before is in the history: a shallow clone needs git fetch --unshallow --tags")

	dir := t.TempDir()
	source, program, archive := filepath.Join(dir, "source"), filepath.Join(dir, "pageheat"), filepath.Join(dir, "source.tar")
	require.NoError(t, os.Mkdir(source, 0o750))
	must(module, "git", "archive", "--output", archive, commit)
	must(source, "tar", "-xf", archive)
	// With the flags of harness.Build, so that the cache has the dependencies.
	must(source, "go", "build", "-race=false", "-buildvcs=false", "-o", program, "./cmd/pageheat")
	t.Logf("the build before is %s", commit)
	return program
}

// TestRollingUpgrade replaces the instances of the build before one after the other by this one,
// and goes back, under load. After each step another 1,000 behaviours are counted. Then the roles
// of the two builds are mixed, so that each reads what the other writes.
func TestRollingUpgrade(t *testing.T) {
	t.Parallel()
	const partitions = 4
	site := harness.NewSite(t, kafkatest.Embedded(t), shared.program)
	before := *site
	before.Program = previousBuild(t)
	p := newPipeline(t, &before, partitions)
	ctx := within(t)
	input := startTraffic(t, site, partitions)
	advances := func(what string) {
		t.Helper()
		counted := int64(0)
		if newest := p.boards.Newest(); newest != nil {
			counted = newest.Counted
		}
		_, err := p.boards.Wait(ctx, func(b *harness.Board) bool { return b.Counted > counted+1000 })
		require.NoError(t, err, what)
	}
	fleet := []*harness.Instance{before.Start("old 0"), before.Start("old 1")}
	waitShared(t, ctx, site, 2, "-ingest", "-heat")
	advances("the build before")
	for _, step := range []struct {
		site *harness.Site
		name string
	}{{site, "new"}, {&before, "old again"}} {
		for i := range fleet {
			stopped(t, fleet[i])
			fleet[i] = step.site.Start(fmt.Sprintf("%s %d", step.name, i))
			waitShared(t, ctx, site, 2, "-ingest", "-heat")
			require.NoError(t, fleet[i].WaitOwner(ctx, 1))
			advances(fmt.Sprintf("with %s %d", step.name, i))
		}
	}
	stopped(t, fleet...)

	var serve *harness.Instance
	for i, odd := range []*harness.Site{site, &before} {
		even := map[*harness.Site]*harness.Site{site: &before, &before: site}[odd]
		fleet = nil
		for role, where := range map[string]*harness.Site{"ingest": odd, "heat": even, "rank": odd, "serve": even} {
			fleet = append(fleet, where.Start(fmt.Sprintf("%s %d", role, i), "--roles", role))
			if role == "serve" {
				serve = fleet[len(fleet)-1]
			}
		}
		advances(fmt.Sprintf("roles of two builds, %d", i))
		if i == 0 {
			stopped(t, fleet...)
		}
	}
	input.finish(t)
	p.exact(t, serve, input.ends, input.want)
	stopped(t, fleet...)
	for _, s := range []*harness.Site{site, &before} {
		r := s.Command("audit")
		assert.Zero(t, r.Code, "%s%s", r.Stdout, r.Stderr)
	}
	t.Logf("%d behaviours, %d boards", input.want.Counted, p.boards.Count())
}
