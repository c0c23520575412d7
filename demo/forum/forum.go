// Package forum is the demo's sample site: a small fictional forum that uses both scripts of
// package site. Its [Threads] are the pages that the simulator visits.
package forum

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"pageheat/web"
	"pageheat/web/site"
)

//go:embed *.html forum.css
var files embed.FS

// post is a thread with its content.
type post struct {
	Thread
	Author  string
	Opening string
	Replies []reply
}

// reply is a post below the first one.
type reply struct{ Author, Text string }

// Routes returns the pages of the forum, below [Path]: all [Threads] and their parts. An error
// means that an embedded template is invalid.
func Routes() ([]web.Route, error) {
	pages, err := template.ParseFS(files, "*.html")
	if err != nil {
		return nil, fmt.Errorf("reading the templates of the forum: %w", err)
	}
	threads := Threads()
	number := map[string]int{}
	front := make([]post, len(threads))
	for i, t := range threads {
		number[t.Path] = i
		front[i] = postOf(t, i)
	}
	// The order differs from [Threads], so the hottest threads are not at the top, as in a real
	// forum.
	slices.SortStableFunc(front, func(a, b post) int { return strings.Compare(shuffled(a.Path), shuffled(b.Path)) })

	style, _ := files.ReadFile("forum.css") // every test fails if the file is missing
	public := func(path string, serve http.HandlerFunc) web.Route {
		return web.Route{Path: path, Handler: serve, Public: true}
	}
	return []web.Route{
		public(strings.TrimSuffix(Path, "/"), func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "forum/")
			w.WriteHeader(http.StatusPermanentRedirect)
		}),
		public(Path+"{$}", func(w http.ResponseWriter, _ *http.Request) { show(w, pages, "front.html", front) }),
		public(Path+"forum.css", site.NewFile("forum.css", style).ServeHTTP),
		public(Path+"{thread}", func(w http.ResponseWriter, r *http.Request) {
			path, part := partOf(Path + r.PathValue("thread"))
			n, ok := number[path]
			if !ok {
				web.Refuse(w, http.StatusNotFound, "The forum has no such thread. Its front page lists all threads.")
				return
			}
			show(w, pages, "thread.html", postOf(threads[n].Part(part), n+part))
		}),
	}, nil
}

// show answers with a page.
func show(w http.ResponseWriter, pages *template.Template, name string, data any) {
	var page bytes.Buffer
	if err := pages.ExecuteTemplate(&page, name, data); err != nil {
		web.Refuse(w, http.StatusInternalServerError, "The page cannot be rendered: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(page.Bytes()) // an error here is the client's
}

// shuffled returns a sort key that puts the threads in a fixed, different order.
func shuffled(path string) string {
	key := []byte(path)
	slices.Reverse(key)
	return string(key)
}

// postOf makes up the content of a thread, always the same for the same number.
func postOf(t Thread, n int) post {
	people := []string{"ada_w", "bruno", "chidi", "dilek", "edda42", "farid", "greta", "hana.k", "ines", "jonas"}
	openings := []string{
		"The title says it all. I have read everything I could find and asked everyone I know, so now it is your turn.",
		"Long-time reader, first post. Details below, and I am happy to add pictures if they help.",
		"This has kept me busy all weekend. What am I missing?",
		"Not urgent, just curious how the rest of you handle this.",
	}
	answers := []string{
		"Same here, and I have no idea why.", "Try it the other way around first.",
		"My grandmother swore by vinegar for this.", "Pictures, please!",
		"We solved this in an older thread, but the links are dead.", "I did exactly that and it worked.",
		"Don't. I have the scar to prove it.", "Following.", "Came here to say this.",
		"Give it a week before you change anything.",
	}
	p := post{Thread: t, Author: people[n*3%len(people)], Opening: openings[n%len(openings)]}
	for i := range 2 + n%5 {
		p.Replies = append(p.Replies, reply{people[(n*3+7*i+1)%len(people)], answers[(n*7+3*i)%len(answers)]})
	}
	return p
}
