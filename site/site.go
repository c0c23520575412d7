package site

import (
	"embed"
	"net/http"

	"pageheat/webserver"
)

//go:embed pageheat.js widget.js
var scripts embed.FS

// Routes are the scripts for the pages of a site, for everybody.
func Routes() []webserver.Route {
	var routes []webserver.Route
	for _, name := range []string{"pageheat.js", "widget.js"} {
		routes = append(routes, webserver.Route{
			Path: "/" + name, Handler: asset(scripts, name), Public: true, Embedded: true})
	}
	return routes
}

// asset is an embedded file: one that is missing shows in every test, as an empty
// answer.
func asset(files embed.FS, name string) http.Handler {
	content, _ := files.ReadFile(name)
	return webserver.NewAsset(name, content)
}
