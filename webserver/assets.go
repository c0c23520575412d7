package webserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"mime"
	"net/http"
	"path"
	"strconv"
	"time"
)

// Asset is a file of the program that is served as it is. It is revalidated at
// each visit, so that a new version of the program never meets a page of the old
// one.
type Asset struct {
	contentType string
	content     []byte
	etag        string
}

// NewAsset returns an asset; the ending of its name says what type it has.
func NewAsset(name string, content []byte) Asset {
	sum := sha256.Sum256(content)
	return Asset{contentType(path.Ext(name)), content, strconv.Quote(base64.RawURLEncoding.EncodeToString(sum[:12]))}
}

// contentType does not ask the system, whose tables differ, for what we have.
func contentType(ending string) string {
	switch ending {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".yaml":
		return "application/yaml"
	case ".json":
		return "application/json"
	}
	return mime.TypeByExtension(ending)
}

// ServeHTTP answers with the file, or that the client has it already.
func (a Asset) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", a.contentType)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", a.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(a.content))
}
