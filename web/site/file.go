package site

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
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
	// Most instances never serve it, so all work is left to the first client that asks: reading
	// and packing all files takes several times the memory of an idle instance.
	plain  func() variant
	zipped func() variant // without content if that gains nothing
}

// variant is a form in which a file is served.
type variant struct {
	content []byte
	etag    string
}

// NewFile returns a file; the ending of its name says what type it has.
func NewFile(name string, content []byte) File {
	return newFile(name, func() []byte { return content })
}

// Embedded returns a file of the program.
func Embedded(files embed.FS, name string) File {
	return newFile(name, func() []byte {
		content, _ := files.ReadFile(name) // a missing file shows in every test
		return content
	})
}

func newFile(name string, read func() []byte) File {
	tag := func(content []byte) string {
		sum := sha256.Sum256(content)
		return base64.RawURLEncoding.EncodeToString(sum[:12])
	}
	plain := sync.OnceValue(func() variant {
		content := read()
		return variant{content, strconv.Quote(tag(content))}
	})
	return File{contentType: contentType(path.Ext(name)), plain: plain, zipped: sync.OnceValue(func() variant {
		content := plain().content
		return variant{compress(content), strconv.Quote(tag(content) + "-gzip")}
	})}
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
	served := f.plain()
	w.Header().Add("Vary", "Accept-Encoding")
	if acceptsGzip(r.Header.Values("Accept-Encoding")) {
		if zipped := f.zipped(); zipped.content != nil {
			served = zipped
			w.Header().Set("Content-Encoding", "gzip")
			r = whole(r)
		}
	}
	w.Header().Set("Content-Type", f.contentType)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", served.etag)
	// With a content encoding set, ServeContent leaves the length away.
	w.Header().Set("Content-Length", strconv.Itoa(len(served.content)))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(served.content))
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
