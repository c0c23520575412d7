package web

import (
	"embed"

	"pageheat/web/site"
)

//go:embed openapi.yaml behaviour.schema.json board.schema.json
var descriptions embed.FS

// What describes pageheat to programs, each served below /api/v1/. The tests hold it
// against what the handlers and codecs do.
const (
	// openAPI describes the HTTP interface (OpenAPI 3.1).
	openAPI = "openapi.yaml"
	// behaviourSchema is of a message of the input topic that is JSON (JSON Schema,
	// draft 2020-12).
	behaviourSchema = "behaviour.schema.json"
	// boardSchema is of a message of the output topic.
	boardSchema = "board.schema.json"
)

// description returns one of them.
func description(name string) site.File {
	content, _ := descriptions.ReadFile(name) // a missing file shows in every test
	return site.NewFile(name, content)
}
