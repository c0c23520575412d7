package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"pageheat/codec"
	"pageheat/views"
)

// partParameter is the parameter of a query that names a group or a period, for groups whose name
// the path of a board ends with for another reason: see boardPath.
const partParameter = "part"

// boardKey returns the key of the board that a request is for. The group or period of a board is the
// next segment of the path, or the parameter "part".
func boardKey(r *http.Request) string {
	part := r.PathValue("part")
	if part == "" {
		part = r.URL.Query().Get(partParameter)
	}
	return codec.BoardKey(r.PathValue("board"), part)
}

// boardPath returns the path of a board, with query if it needs one, or of one of its forms, such as
// "events"; an empty form is the board itself. It begins with "api/v1/boards".
func boardPath(key, form string) string {
	name, part, _ := strings.Cut(key, "/")
	path := "api/v1/boards/" + url.PathEscape(name)
	query := ""
	switch part {
	case "":
	case "events", "feed.atom", "feed.rss", "list.html":
		query = "?" + partParameter + "=" + url.QueryEscape(part)
	default:
		path += "/" + url.PathEscape(part)
	}
	if form != "" {
		path += "/" + form
	}
	return path + query
}

// board serves the published bytes. Each version is published once, so it identifies the bytes.
func (s *service) board(w http.ResponseWriter, r *http.Request) {
	key := boardKey(r)
	board, ok := s.Serve.Boards.Newest(key)
	if !ok {
		s.noBoard(w, key)
		return
	}
	serveVersion(w, r, board, "application/json", board.Value)
}

// serveVersion serves a form of a version of a board, unless the client already has it.
func serveVersion(w http.ResponseWriter, r *http.Request, version views.Board, contentType string, form []byte) {
	serveTagged(w, r, strconv.Quote(eventID(version)), contentType, form)
}

// serveTagged serves an answer that its tag identifies, unless the client already has it.
func serveTagged(w http.ResponseWriter, r *http.Request, tag, contentType string, answer []byte) {
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Type", contentType)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(answer))
}

// maxNamed is the maximum number of boards, groups or periods that a problem names.
const maxNamed = 20

// noBoard explains why there is no board with that key.
func (s *service) noBoard(w http.ResponseWriter, key string) {
	if s.Serve.Boards.Ready() != nil {
		Refuse(w, http.StatusServiceUnavailable, "The published boards are still being read: try again in a moment. /readyz tells when they are complete.")
		return
	}
	list := s.list.of(s.Serve.Boards)
	name, part, _ := strings.Cut(key, "/")
	var detail string
	known, ok := list.byName[name]
	switch {
	case ok && known.GroupsInAll+known.PeriodsInAll == 0:
		detail = fmt.Sprintf("The board %q has no groups and no closed periods.", name)
	case ok:
		what := "board of all groups"
		if part != "" {
			what = strconv.Quote(part)
		}
		detail = fmt.Sprintf("There is no %s of the board %q. There are: %s.", what, name,
			named(slices.Concat(known.Groups, known.Periods), known.GroupsInAll+known.PeriodsInAll))
	case name == views.DefaultBoard:
		detail = "No board has been published yet: it appears when the first behaviour is counted. Are the roles ingest, heat and rank running?"
	case len(list.Boards) == 0:
		detail = fmt.Sprintf("There is no board %q: none has been published yet.", name)
	default:
		names := make([]string, len(list.Boards))
		for i, b := range list.Boards {
			names[i] = b.Name
		}
		detail = fmt.Sprintf("There is no board %q. There are: %s.", name, named(names, len(names)))
	}
	Refuse(w, http.StatusNotFound, detail)
}

// named lists the first of names, and says how many there are in all.
func named(names []string, all int) string {
	quoted := make([]string, min(len(names), maxNamed))
	for i := range quoted {
		quoted[i] = strconv.Quote(names[i])
	}
	text := strings.Join(quoted, ", ")
	if all > len(quoted) {
		text += fmt.Sprintf(" and %d more, see api/v1/boards", all-len(quoted))
	}
	return text
}

// settings serves what the dashboard needs to explain heat, and to link to pages.
func (s *service) settings(w http.ResponseWriter, _ *http.Request) {
	type weights struct {
		Clicks  json.Number `json:"clicks"`
		Minutes json.Number `json:"minutes"`
		Like    json.Number `json:"like"`
	}
	WriteJSON(w, http.StatusOK, struct {
		Board    string  `json:"board"`
		PageLink string  `json:"page_link,omitempty"`
		Weights  weights `json:"weights"`
	}{views.DefaultBoard, s.Serve.PageLink.template, weights{
		json.Number(s.Serve.Weights.Clicks()), json.Number(s.Serve.Weights.Minutes()), json.Number(s.Serve.Weights.Like()),
	}})
}
