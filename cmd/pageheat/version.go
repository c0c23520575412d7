package main

import (
	"cmp"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
)

// versionCmd prints what this program was built from.
type versionCmd struct{}

// Run prints version, commit and Go version, a line each.
func (versionCmd) Run(p *program) error { return printVersion(p.stdout) }

func printVersion(w io.Writer) error {
	version, commit := buildVersion()
	_, err := fmt.Fprintf(w, "pageheat %s\ncommit %s\ngo %s %s/%s\n",
		version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// buildVersion is the module's version and the commit, as the Go tool recorded them.
func buildVersion() (version, commit string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return versionOf(info)
}

func versionOf(info *debug.BuildInfo) (version, commit string) {
	version, commit = cmp.Or(info.Main.Version, "(devel)"), "unknown"
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			commit += " (modified)"
		}
	}
	return version, commit
}
