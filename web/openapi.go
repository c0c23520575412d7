package web

import (
	"embed"

	"pageheat/web/site"
)

//go:embed openapi.yaml behaviour.schema.json board.schema.json
var descriptions embed.FS

// Descriptions of pageheat for programs, served below /api/v1/. Tests compare them with the
// handlers and codecs.
const (
	// openAPI describes the HTTP interface (OpenAPI 3.1).
	openAPI = "openapi.yaml"
	// behaviourSchema describes a JSON message of the input topic (JSON Schema, draft 2020-12).
	behaviourSchema = "behaviour.schema.json"
	// boardSchema describes a message of the output topic.
	boardSchema = "board.schema.json"
)

// description returns one of them.
func description(name string) site.File { return site.Embedded(descriptions, name) }
