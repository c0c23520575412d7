package web

import (
	"html/template"
	"log/slog"
	"net/http"
	"net/netip"
	"time"
)

// service handles requests. It is safe for concurrent use. Its only state is the limits for
// clients, the newest event of each board, and the list of boards.
type service struct {
	Config
	streams      *streamPlaces
	encoded      encodedEvents
	writeTimeout time.Duration // for one event
	intake       *intake       // of the role collect, else nil
	list         cachedList
	listTemplate *template.Template // of the role serve, else nil
}

// newService returns the request handlers. The error names what is wrong with the
// configuration.
func newService(cfg Config) (*service, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	var err error
	if cfg.Origins, err = cfg.Origins.told(cfg.Logger, cfg.metrics); err != nil {
		return nil, err
	}
	s := &service{Config: cfg, writeTimeout: eventTimeout}
	if cfg.Serve.Boards != nil {
		if s.listTemplate, err = newList(); err != nil {
			return nil, err
		}
		s.streams = &streamPlaces{most: cfg.Serve.MaxStreams, perClient: cfg.Serve.MaxStreamsPerClient,
			metrics: newStreamMetrics(cfg.Registerer), clients: map[netip.Addr]int{}}
	}
	if cfg.Collect.Collector != nil {
		if s.intake, err = newIntake(cfg); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// forSites lets pages of allowed sites use the handler, and lets them read refusals.
func (s *service) forSites(serve http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.Origins.Allow(w, r) {
			Refuse(w, http.StatusForbidden, s.Origins.Refusal(w, r))
			return
		}
		serve(w, r)
	})
}
