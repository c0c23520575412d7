package pagename

import (
	"cmp"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"pageheat/codec"
)

// Rules change names. They are safe for concurrent use; nil changes nothing.
type Rules struct {
	decode, lowerCase, strip bool

	index      []string
	keep, drop []string
	rewrites   []rewrite
}

// rewrite replaces what matches.
type rewrite struct {
	pattern *regexp.Regexp
	with    string
}

// Query reports whether a query may be part of a name.
func (r *Rules) Query() bool { return r != nil && len(r.keep)+len(r.drop) > 0 }

// Apply returns the name that a page has by the rules. Only names that begin with a slash are
// paths, with or without a query; of others only the rewrites change anything. In this
// order:
//
//   - the query: parameters are removed, and the rest is sorted by name;
//   - the path: decoded, converted to lower case, without index file, without slashes at the end;
//   - the rewrites, in their order, once each.
//
// Without rewrites, a name that has been changed stays as it is when it is changed again. The result
// may be no valid name, for example empty: the caller validates it.
func (r *Rules) Apply(name string) string {
	if r == nil {
		return name
	}
	if strings.HasPrefix(name, "/") {
		path, query, _ := strings.Cut(name, "?")
		if r.Query() {
			query = r.parameters(query)
		}
		if name = r.path(path); query != "" {
			name += "?" + query
		}
	}
	for _, w := range r.rewrites {
		name = w.pattern.ReplaceAllString(name, w.with)
	}
	return name
}

// OfAddress returns the name that a page has by the rules if its address is http or https, and
// otherwise that of a name. Of an address, the script of a site sends the decoded path.
func (r *Rules) OfAddress(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return r.Apply(address)
	}
	name := codec.ReadablePath(u.EscapedPath())
	if name == "" {
		name = "/"
	}
	if r.Query() && u.RawQuery != "" {
		name += "?" + u.RawQuery
	}
	return r.Apply(name)
}

func (r *Rules) path(path string) string {
	if r.decode {
		path = codec.ReadablePath(path)
	}
	if r.lowerCase {
		path = lower(path)
	}
	for {
		if r.strip {
			path = "/" + strings.TrimRight(path[1:], "/")
			if short, ok := strings.CutSuffix(path, " "); ok {
				path = short + "%20" // spaces around a name are no part of it
			}
		}
		slash := strings.LastIndexByte(path, '/')
		if !slices.Contains(r.index, path[slash+1:]) {
			return path
		}
		path = path[:slash+1]
	}
}

// escapeBytes is the length of a percent-encoded byte.
const escapeBytes = 3

// lower converts a path to lower case, but not the digits of percent-encoded bytes.
func lower(path string) string {
	var out strings.Builder
	for {
		at := strings.IndexByte(path, '%')
		if at < 0 {
			out.WriteString(strings.ToLower(path))
			return out.String()
		}
		out.WriteString(strings.ToLower(path[:at]))
		end := min(at+escapeBytes, len(path))
		if _, err := url.PathUnescape(path[at:end]); err != nil {
			end = at + 1
		}
		out.WriteString(path[at:end])
		path = path[end:]
	}
}

// parameters returns what the rules leave of a query.
func (r *Rules) parameters(query string) string {
	type parameter struct{ name, text string }
	var left []parameter
	for text := range strings.SplitSeq(query, "&") {
		encoded, _, _ := strings.Cut(text, "=")
		name, err := url.QueryUnescape(encoded)
		if err != nil {
			name = encoded
		}
		if text != "" && matches(r.keep, name) == (len(r.keep) > 0) && !matches(r.drop, name) {
			left = append(left, parameter{name, text})
		}
	}
	slices.SortStableFunc(left, func(a, b parameter) int { return cmp.Compare(a.name, b.name) })
	texts := make([]string, len(left))
	for i := range left {
		texts[i] = left[i].text
	}
	return strings.Join(texts, "&")
}

// matches reports whether a name is in a list, in which * at the end stands for anything.
func matches(list []string, name string) bool {
	return slices.ContainsFunc(list, func(entry string) bool {
		prefix, open := strings.CutSuffix(entry, "*")
		return entry == name || open && strings.HasPrefix(name, prefix)
	})
}
