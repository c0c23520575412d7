package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"pageheat/codec"
	"pageheat/views"
)

// headerWeights is the response header with the weights of a page's score. During a change of
// the weights, instances may answer differently.
const headerWeights = "Pageheat-Weights"

// page serves one page's totals and its heat.
func (s *service) page(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		Refuse(w, http.StatusBadRequest, fmt.Sprintf("The query cannot be read (%v): percent-encode the name of the page.", err))
		return
	}
	name := query.Get("page")
	if name == "" {
		Refuse(w, http.StatusBadRequest, "The page is missing: use api/v1/page?page=NAME.")
		return
	}
	state, ok, err := s.Serve.Pages.Get(name)
	if err == nil && !ok {
		// A page is also found by the address that a browser shows.
		if readable := codec.ReadablePath(name); readable != name {
			name = readable
			state, ok, err = s.Serve.Pages.Get(name)
		}
	}
	switch {
	case errors.Is(err, views.ErrRecovering):
		Refuse(w, http.StatusServiceUnavailable, "The heat table is still being read: try again in a moment. /readyz tells when it is complete.")
	case err != nil:
		s.Logger.Error("a request for a page failed", "page", name, "error", err)
		Refuse(w, http.StatusInternalServerError, "The totals of this page cannot be read: is this program older than the one that wrote them? See the log.")
	case !ok:
		Refuse(w, http.StatusNotFound, fmt.Sprintf("No behaviour of page %q has been counted. Names must match byte for byte. A new page appears at the latest with the next commit.", name))
	default:
		w.Header().Set(headerWeights, s.Serve.Weights.String())
		heat := views.NewPageHeat(name, &state, s.Serve.Weights)
		heat.Boards = s.ranksOf(name)
		WriteJSON(w, http.StatusOK, heat)
	}
}

// ranksOf returns the further boards that a page is on, by name, without those of groups and of closed periods.
func (s *service) ranksOf(page string) map[string]views.PageOn {
	all := map[string]views.PageOn{}
	for _, listed := range s.list.of(s.Serve.Boards).Boards {
		if listed.Name == views.DefaultBoard {
			continue // the page's totals are those of all time
		}
		board, ok := s.Serve.Boards.Newest(listed.Name)
		if !ok { // it only has parts
			continue
		}
		if on, ok := views.OnPublished(&board, page); ok {
			all[listed.Name] = on
		}
	}
	return all
}
