package views

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"net/http"
	"strconv"
	"time"
)

//go:embed web
var web embed.FS

// asset is one file of the dashboard.
type asset struct {
	pattern     string
	contentType string
	content     []byte
	etag        string
}

// dashboard returns the files of the dashboard with the paths they are served
// at. They are revalidated at each visit, so that a new version of the program
// never meets a page of the old one.
func dashboard() []asset {
	files := []struct{ pattern, file, contentType string }{
		{"/{$}", "index.html", "text/html; charset=utf-8"},
		{"/app.js", "app.js", "text/javascript; charset=utf-8"},
		{"/style.css", "style.css", "text/css; charset=utf-8"},
		{"/icon.svg", "icon.svg", "image/svg+xml"},
	}
	all := make([]asset, 0, len(files))
	for _, f := range files {
		// The files are part of the program: one that is missing shows in
		// every test, as an empty answer.
		content, _ := web.ReadFile("web/" + f.file)
		sum := sha256.Sum256(content)
		all = append(all, asset{
			f.pattern, f.contentType, content,
			strconv.Quote(base64.RawURLEncoding.EncodeToString(sum[:12])),
		})
	}
	return all
}

func (a asset) serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", a.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
}
