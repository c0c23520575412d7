package web

import (
	"net/http"
	"slices"

	"pageheat/web/site"
)

// Route is a path pattern and its handler.
type Route struct {
	// Path is a pattern of http.ServeMux without method, such as
	// "/api/v1/boards/{board}".
	Path string
	// Methods are the allowed methods; nil for GET, which includes HEAD.
	Methods []string
	// Handler serves the route.
	Handler http.Handler
	// Public routes need no token.
	Public bool
	// Embedded routes can be loaded by pages of other sites, as scripts are.
	Embedded bool
}

// Routes is the table of all routes. Every instance serves its health; each of the two roles
// adds its routes. The error names what is wrong with the configuration.
func Routes(cfg Config) ([]Route, error) {
	s, err := newService(cfg)
	if err != nil {
		return nil, err
	}
	return s.routes(), nil
}

func (s *service) routes() []Route {
	serve, collect := s.Serve.Boards != nil, s.Collect.Collector != nil

	table := []Route{
		{Path: "/healthz", Public: true, Handler: http.HandlerFunc(healthz)},
		{Path: "/readyz", Handler: http.HandlerFunc(s.readyz)},
	}
	if s.Metrics != nil {
		table = append(table, Route{Path: "/metrics", Handler: s.Metrics})
	}
	table = append(table, profiles()...)
	if serve || collect {
		table = append(table, Scripts()...)
		table = append(table,
			Route{Path: "/api/v1/" + openAPI, Public: true, Embedded: true, Handler: description(openAPI)},
			Route{Path: "/api/v1/" + behaviourSchema, Public: true, Embedded: true, Handler: description(behaviourSchema)},
			Route{Path: "/api/v1/" + boardSchema, Public: true, Embedded: true, Handler: description(boardSchema)},
		)
	}
	if collect {
		table = append(table,
			Route{Path: "/api/v1/behaviours", Public: true, Methods: []string{http.MethodPost, http.MethodOptions}, Handler: s.intake},
		)
	}
	if serve {
		table = append(table,
			Route{Path: "/api/v1/boards", Public: true, Handler: s.forSites(s.boards)},
		)
		// A board, and its groups and periods. See boardPath for groups with the name of a form.
		for _, path := range []string{"/api/v1/boards/{board}", "/api/v1/boards/{board}/{part}"} {
			table = append(table,
				Route{Path: path, Public: true, Handler: s.forSites(s.board)},
				Route{Path: path + "/events", Public: true, Handler: s.forSites(s.events)},
				Route{Path: path + "/feed.atom", Public: true, Handler: s.forSites(s.feedOf(atomType, s.atom))},
				Route{Path: path + "/feed.rss", Public: true, Handler: s.forSites(s.feedOf(rssType, s.rss))},
				Route{Path: path + "/list.html", Public: true, Handler: s.forSites(s.framed(s.feedOf(htmlType, s.html)))},
			)
		}
		table = append(table,
			Route{Path: "/api/v1/page", Handler: http.HandlerFunc(s.page)},
			Route{Path: "/api/v1/settings", Handler: http.HandlerFunc(s.settings)},

			Route{Path: "/{$}", Handler: site.Dashboard("index.html")},
			Route{Path: "/compare", Handler: site.Dashboard("compare.html")},
			Route{Path: "/app.js", Handler: site.Dashboard("app.js")},
			Route{Path: "/boards.js", Handler: site.Dashboard("boards.js")},
			Route{Path: "/common.js", Handler: site.Dashboard("common.js")},
			Route{Path: "/compare.js", Handler: site.Dashboard("compare.js")},
			Route{Path: "/names.js", Handler: site.Dashboard("names.js")},
			Route{Path: "/graph.js", Handler: site.Dashboard("graph.js")},
			Route{Path: "/operation.js", Handler: site.Dashboard("operation.js")},
			Route{Path: "/style.css", Handler: site.Dashboard("style.css")},
			Route{Path: "/icon.svg", Handler: site.Dashboard("icon.svg")},
		)
		if s.Serve.Cluster != nil {
			table = append(table, Route{Path: "/api/v1/overview", Handler: http.HandlerFunc(s.overview)})
		}
	}
	return append(table, s.Routes...)
}

// Scripts are the routes that pages of a site load.
func Scripts() []Route {
	return []Route{
		{Path: "/pageheat.js", Public: true, Embedded: true, Handler: site.Script("pageheat.js")},
		{Path: "/widget.js", Public: true, Embedded: true, Handler: site.Script("widget.js")},
	}
}

// public returns the public routes.
func public(routes []Route) []Route {
	return slices.DeleteFunc(slices.Clone(routes), func(r Route) bool { return !r.Public })
}
