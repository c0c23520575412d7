package site

import (
	"bytes"
	"embed"

	"github.com/tdewolff/minify/v2"
	"github.com/tdewolff/minify/v2/js"
)

//go:embed pageheat.js widget.js
var scripts embed.FS

//go:embed dashboard
var dashboard embed.FS

// Script returns a script for the pages of a site, pageheat.js or widget.js, without
// what only its readers need.
func Script(name string) File {
	content, _ := scripts.ReadFile(name) // a missing file shows in every test
	var small bytes.Buffer
	if js.Minify(minify.New(), &small, bytes.NewReader(content), nil) == nil {
		content = small.Bytes()
	}
	return NewFile(name, content)
}

// Dashboard returns a file of the dashboard, such as index.html.
func Dashboard(name string) File {
	content, _ := dashboard.ReadFile("dashboard/" + name) // a missing file shows in every test
	return NewFile(name, content)
}
