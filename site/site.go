package site

import (
	"bytes"
	"compress/gzip"
	"embed"
	"net/http"
	"strings"

	"github.com/tdewolff/minify/v2"
	"github.com/tdewolff/minify/v2/js"

	"pageheat/webserver"
)

//go:embed pageheat.js widget.js
var scripts embed.FS

// Routes returns the scripts for the pages of a site, for everybody.
func Routes() []webserver.Route {
	var routes []webserver.Route
	for _, name := range []string{"pageheat.js", "widget.js"} {
		source, _ := scripts.ReadFile(name) // a missing file shows in every test
		routes = append(routes, webserver.Route{Path: "/" + name, Handler: newScript(name, source), Public: true, Embedded: true})
	}
	return routes
}

// script serves a JavaScript file without what only its readers need, and packed for
// browsers that take it so.
type script struct{ plain, packed webserver.Asset }

func newScript(name string, source []byte) script {
	content := source
	var small bytes.Buffer
	if js.Minify(minify.New(), &small, bytes.NewReader(source), nil) == nil {
		content = small.Bytes()
	}
	// Neither the level nor a buffer can be refused.
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	_, _ = z.Write(content)
	_ = z.Close()
	return script{webserver.NewAsset(name, content), webserver.NewAsset(name, packed.Bytes())}
}

// ServeHTTP answers with the script.
func (s script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Accept-Encoding")
	if !takesGzip(r.Header.Get("Accept-Encoding")) {
		s.plain.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	s.packed.ServeHTTP(w, r)
}

// takesGzip reports whether an Accept-Encoding names gzip and does not refuse it.
func takesGzip(accept string) bool {
	for coding := range strings.SplitSeq(accept, ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			weight = strings.TrimRight(strings.TrimSpace(weight), "0.")
			return !strings.HasSuffix(weight, "=")
		}
	}
	return false
}

// asset is an embedded file: one that is missing shows in every test, as an empty
// answer.
func asset(files embed.FS, name string) http.Handler {
	content, _ := files.ReadFile(name)
	return webserver.NewAsset(name, content)
}
