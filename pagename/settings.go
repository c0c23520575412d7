package pagename

import (
	"regexp"
	"slices"
	"strings"

	"pageheat/failure"
)

// Settings are the rules that an operator chooses. The zero value changes nothing.
type Settings struct {
	// Decode is whether paths are decoded as the script of a site does.
	Decode bool `name:"page-decode" help:"Percent-decode paths, as the script does, so that logs and the script name pages alike."`
	// LowerCase is whether paths are converted to lower case.
	LowerCase bool `name:"page-lower-case" help:"Convert paths to lower case."`
	// Index are names of files.
	Index []string `name:"page-index" placeholder:"NAME,..." help:"Files that are the page of their folder, such as index.html: /docs/index.html becomes /docs/."`
	// StripTrailingSlash is whether slashes at the end of a path are removed.
	StripTrailingSlash bool `name:"page-strip-trailing-slash" help:"Remove slashes at the end of paths: /docs/ becomes /docs."`
	// KeepParameters and DropParameters are names of parameters of a query; one that ends with *
	// stands for all that begin with the rest. Only one of the two may be set.
	KeepParameters []string `name:"page-keep-parameters" placeholder:"NAME,..." help:"Parameters of a query that are part of the name, such as id; all others are removed."`
	DropParameters []string `name:"page-drop-parameters" placeholder:"NAME,..." help:"Parameters of a query to remove, such as utm_* or *; all others are part of the name."`
	// Rewrite are regular expressions and what replaces them, each as in [Settings.Rules].
	Rewrite []string `name:"page-rewrite" sep:"\n" placeholder:"REGEXP -> TEXT" help:"Replacement in names, after all other rules, such as '^/t/([0-9]+)-.* -> /t/$1'. Repeatable; the order counts."`
}

// arrow separates a regular expression from what replaces it.
const arrow = " -> "

// Rules returns the rules. A rewrite is a regular expression (https://golang.org/s/re2syntax), the
// arrow " -> ", and the text that replaces each match, in which $1 is the first group. The
// error is a [failure.Setting].
func (s Settings) Rules() (*Rules, error) {
	r := &Rules{decode: s.Decode, lowerCase: s.LowerCase, strip: s.StripTrailingSlash}
	for _, name := range s.Index {
		if name == "" || strings.ContainsAny(name, "/?") {
			return nil, failure.BadSetting("page-index", "%q: must be the name of a file, such as index.html", name)
		}
		if s.LowerCase {
			name = strings.ToLower(name)
		}
		r.index = append(r.index, name)
	}
	if len(s.KeepParameters) > 0 && len(s.DropParameters) > 0 {
		return nil, failure.BadSetting("page-drop-parameters", "is not possible together with --page-keep-parameters, which removes all others")
	}
	for flag, names := range map[string][]string{"page-keep-parameters": s.KeepParameters, "page-drop-parameters": s.DropParameters} {
		if slices.Contains(names, "") {
			return nil, failure.BadSetting(flag, "a parameter has no name")
		}
	}
	r.keep, r.drop = s.KeepParameters, s.DropParameters
	for _, text := range s.Rewrite {
		pattern, with, ok := strings.Cut(text, arrow)
		if !ok {
			return nil, failure.BadSetting("page-rewrite", "%q: must be a regular expression, \" -> \" and its replacement", text)
		}
		compiled, err := regexp.Compile(strings.TrimSpace(pattern))
		if err != nil {
			return nil, failure.BadSetting("page-rewrite", "%q: %w", text, err)
		}
		r.rewrites = append(r.rewrites, rewrite{compiled, strings.TrimSpace(with)})
	}
	return r, nil
}
