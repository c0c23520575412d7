package site

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"

	"pageheat/webserver"
)

//go:embed forum
var forum embed.FS

// listed is how many threads the front page of the forum has.
const listed = 24

// thread is what a page of the forum shows.
type thread struct {
	Page    string // its name for pageheat
	Title   string
	Author  string
	Replies []reply
}

// reply is a post below the first one.
type reply struct{ Author, Text string }

// Forum are the pages of a small made-up forum below /forum/. The thread at
// /forum/page7 is the simulator's page7, so what a visitor does there adds to what
// the simulated ones do. An error is one of the embedded templates.
func Forum() ([]webserver.Route, error) {
	pages, err := template.ParseFS(forum, "forum/*.html")
	if err != nil {
		return nil, fmt.Errorf("reading the templates of the forum: %w", err)
	}
	front := make([]thread, listed)
	for i := range front {
		front[i] = threadOf(i + 1)
	}
	public := func(path string, serve http.HandlerFunc) webserver.Route {
		return webserver.Route{Path: path, Handler: serve, Public: true}
	}
	return []webserver.Route{
		public("/forum", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "forum/")
			w.WriteHeader(http.StatusPermanentRedirect)
		}),
		public("/forum/{$}", func(w http.ResponseWriter, _ *http.Request) { show(w, pages, "front.html", front) }),
		public("/forum/forum.css", asset(forum, "forum/forum.css").ServeHTTP),
		public("/forum/{page}", func(w http.ResponseWriter, r *http.Request) {
			digits, ok := strings.CutPrefix(r.PathValue("page"), "page")
			number, err := strconv.ParseUint(digits, 10, 32)
			if !ok || err != nil || number == 0 || digits[0] == '0' {
				webserver.Refuse(w, http.StatusNotFound, "The forum has no such thread: its threads are page1, page2 and so on.")
				return
			}
			show(w, pages, "thread.html", threadOf(int(number)))
		}),
	}, nil
}

// show answers with a page.
func show(w http.ResponseWriter, pages *template.Template, name string, data any) {
	var page bytes.Buffer
	if err := pages.ExecuteTemplate(&page, name, data); err != nil {
		webserver.Refuse(w, http.StatusInternalServerError, "The page cannot be made: "+err.Error())
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(page.Bytes()) // whether the client takes it is not our concern
}

// threadOf makes up the thread of a number, always the same.
func threadOf(n int) thread {
	titles := []string{
		"Sourdough that does not rise", "Which tyres for gravel?", "Show your balcony tomatoes",
		"Old radios: where to get valves", "Quiet keyboards, loud opinions", "Night trains worth taking",
		"My cat opens doors", "Learning Welsh as an adult", "Repairing a cracked teapot",
		"Boulder grading makes no sense", "Best map for the coast path", "Is this a rare stamp?",
		"Choir needs a second alto", "Coffee without electricity", "Bees in the chimney",
		"A knot that holds wet rope", "Sketching in the rain", "How long does ink last?",
		"Chess openings for the impatient", "Growing moss on purpose", "Tuning a harmonium",
		"The last video shop in town", "Bread ovens of the valley", "Telescopes under 200",
	}
	people := []string{"Ada", "Bruno", "Chidi", "Dilek", "Edda", "Farid", "Grete", "Hana"}
	answers := []string{
		"Same here, and I have no idea why.", "Try it the other way round first.",
		"My grandmother swore by vinegar for this.", "Pictures, please!",
		"This was solved in an older thread, but the links are dead.", "I did exactly that and it worked.",
		"Do not. I have the scar to prove it.", "Subscribed.",
	}
	t := thread{Page: "page" + strconv.Itoa(n), Title: titles[(n-1)%len(titles)], Author: people[n%len(people)]}
	if part := (n - 1) / len(titles); part > 0 {
		t.Title += fmt.Sprintf(", part %d", part+1)
	}
	for i := range 2 + n%4 {
		t.Replies = append(t.Replies, reply{people[(n+3*i+1)%len(people)], answers[(n+5*i)%len(answers)]})
	}
	return t
}
