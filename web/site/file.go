package site

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// File is a file of the program that is served as it is. It is revalidated at
// each visit, so that a new version of the program never meets a page of the old
// one. Its methods are safe for concurrent use.
type File struct {
	contentType string
	content     []byte
	etag        string
	zippedETag  string
	// zipped is the content, compressed; nil if that gains nothing. Most instances never serve it,
	// and packing all files takes several times the memory of an idle one, so the first client
	// that takes gzip waits for it.
	zipped func() []byte
}

// NewFile returns a file; the ending of its name says what type it has.
func NewFile(name string, content []byte) File {
	sum := sha256.Sum256(content)
	tag := base64.RawURLEncoding.EncodeToString(sum[:12])
	return File{contentType: contentType(path.Ext(name)), content: content, etag: strconv.Quote(tag), zippedETag: strconv.Quote(tag + "-gzip"),
		zipped: sync.OnceValue(func() []byte { return compress(content) })}
}

// compress packs content as well as gzip can, nil if that makes it no smaller.
func compress(content []byte) []byte {
	var out bytes.Buffer
	// The level is a valid one, and a buffer takes everything.
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	_, _ = w.Write(content)
	_ = w.Close()
	if out.Len() >= len(content) {
		return nil
	}
	return bytes.Clone(out.Bytes())
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

// ServeHTTP answers with the file, compressed for clients that take gzip, or that the
// client has it already.
func (f File) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, etag := f.content, f.etag
	w.Header().Add("Vary", "Accept-Encoding")
	if acceptsGzip(r.Header.Values("Accept-Encoding")) {
		if zipped := f.zipped(); zipped != nil {
			content, etag = zipped, f.zippedETag
			w.Header().Set("Content-Encoding", "gzip")
			r = whole(r)
		}
	}
	w.Header().Set("Content-Type", f.contentType)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", etag)
	// With a content encoding set, ServeContent leaves the length away.
	w.Header().Set("Content-Length", strconv.Itoa(len(content)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// whole is a request for all of a file: a range of a compressed one is of no use.
func whole(r *http.Request) *http.Request {
	if r.Header.Get("Range") == "" {
		return r
	}
	r = r.Clone(r.Context())
	r.Header.Del("Range")
	return r
}

// acceptsGzip reads Accept-Encoding (RFC 9110, section 12.5.3): gzip by its name or
// as *, unless it is refused with q=0.
func acceptsGzip(headers []string) bool {
	all := false
	for item := range strings.SplitSeq(strings.Join(headers, ","), ",") {
		name, parameters, _ := strings.Cut(item, ";")
		quality, weighted := strings.CutPrefix(strings.ReplaceAll(strings.ToLower(parameters), " ", ""), "q=")
		wanted := !weighted || strings.Trim(quality, "0.") != ""
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "gzip":
			return wanted
		case "*":
			all = wanted
		}
	}
	return all
}
