package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"pageheat/codec"
	"pageheat/views"
)

// headerWeights is the header of a page's answer that says by which weights it is scored:
// while they are changed, one instance after the other, answers may differ.
const headerWeights = "Pageheat-Weights"

// page answers with one page's totals, and what they add up to.
func (s *service) page(w http.ResponseWriter, r *http.Request) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		Refuse(w, http.StatusBadRequest, fmt.Sprintf("The query cannot be read (%v): percent-encode the name of the page.", err))
		return
	}
	name := query.Get("page")
	if name == "" {
		Refuse(w, http.StatusBadRequest, "The page is missing: ask for api/v1/page?page=NAME.")
		return
	}
	totals, ok, err := s.Serve.Pages.Get(name)
	if err == nil && !ok {
		// Under the address that a browser shows it is found, too.
		if readable := codec.ReadablePath(name); readable != name {
			name = readable
			totals, ok, err = s.Serve.Pages.Get(name)
		}
	}
	switch {
	case errors.Is(err, views.ErrRecovering):
		Refuse(w, http.StatusServiceUnavailable, "The heat table is still being read: ask again in a moment, /readyz says when it is done.")
	case err != nil:
		s.Logger.Error("a request for a page failed", "page", name, "error", err)
		Refuse(w, http.StatusInternalServerError, "The totals of this page cannot be read: is this program older than the one that wrote them? The log says more.")
	case !ok:
		Refuse(w, http.StatusNotFound, fmt.Sprintf("No behaviour of page %q has been counted. Names are compared byte by byte; a new page appears after the next commit.", name))
	default:
		w.Header().Set(headerWeights, s.Serve.Weights.String())
		WriteJSON(w, http.StatusOK, views.NewPageHeat(name, totals, s.Serve.Weights))
	}
}
