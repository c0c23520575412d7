package api

import (
	"embed"

	"pageheat/webserver"
)

//go:embed openapi.yaml behaviour.schema.json board.schema.json
var documents embed.FS

// The documents, each served below /api/v1/.
const (
	// OpenAPI describes the HTTP interface.
	OpenAPI = "openapi.yaml"
	// BehaviourSchema is of a message of the input topic that is JSON.
	BehaviourSchema = "behaviour.schema.json"
	// BoardSchema is of a message of the output topic.
	BoardSchema = "board.schema.json"
)

// Document returns one of the documents.
func Document(name string) ([]byte, error) { return documents.ReadFile(name) }

// Routes are where the documents are, for everybody: they tell nothing of the data.
func Routes() []webserver.Route {
	var routes []webserver.Route
	for _, name := range []string{OpenAPI, BehaviourSchema, BoardSchema} {
		// The files are part of the program: one that is missing shows in
		// every test, as an empty answer.
		content, _ := Document(name)
		routes = append(routes, webserver.Route{Path: "/api/v1/" + name, Handler: webserver.NewAsset(name, content), Public: true, Embedded: true})
	}
	return routes
}
