package main

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/alecthomas/kong"
)

const (
	// envPrefix begins the environment variable of every flag.
	envPrefix = "PAGEHEAT"
	// testEnvPrefix begins the variables of the project's own tests, which the
	// program ignores.
	testEnvPrefix = envPrefix + "_TEST_"
)

// linkPattern is what Kubernetes and Docker put into the environment of every
// container beside a service called pageheat or pageheat-SOMETHING.
const linkPattern = `^` + envPrefix + `_(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(ADDR|PORT|PROTO))?)?)$`

// envOf is the environment variable of a setting.
func envOf(key string) string {
	return envPrefix + "_" + strings.ToUpper(strings.ReplaceAll(key, "-", "_"))
}

// checkEnvironment refuses variables that begin as ours do and belong to no flag.
func checkEnvironment(app *kong.Application) error {
	var known []string
	eachFlag(app.Node, func(f *kong.Flag) {
		known = append(known, f.Envs...)
		if ofCommand(f) {
			known = append(known, envOf(f.Name))
		}
	})
	link := regexp.MustCompile(linkPattern)
	var unknown []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		switch {
		case !strings.HasPrefix(name, envPrefix+"_"), strings.HasPrefix(name, testEnvPrefix),
			slices.Contains(known, name), link.MatchString(name):
		default:
			unknown = append(unknown, fmt.Sprintf("unknown environment variable %s%s", name, nearest(name, known)))
		}
	}
	if unknown == nil {
		return nil
	}
	slices.Sort(unknown)
	return fmt.Errorf("%s (each variable is %s_ and the name of a flag, see `pageheat COMMAND --help`)",
		strings.Join(unknown, "; "), envPrefix)
}

// nearest suggests the known name that is most like one that is not known, if any is.
func nearest(name string, known []string) string {
	best, least := "", max(2, len(name)/5)+1
	for _, k := range known {
		if d := levenshtein.ComputeDistance(name, k); d < least {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(", did you mean %s?", best)
}

// eachFlag calls f for every flag of a command and of those below it.
func eachFlag(node *kong.Node, f func(*kong.Flag)) {
	for _, flag := range node.Flags {
		f(flag)
	}
	for _, child := range node.Children {
		eachFlag(child, f)
	}
}
