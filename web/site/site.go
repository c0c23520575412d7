package site

import "embed"

// scripts are what [Script] returns: pageheat.js and widget.js without what only their readers
// need. A test compares them, and writes them again:
//
//	go test ./web/site -run TestScriptsAreMinified -update
//
// The program does not do this when it starts, because that costs memory in every instance.
//
//go:embed minified
var scripts embed.FS

//go:embed dashboard
var dashboard embed.FS

// Script returns a script for the pages of a site, pageheat.js or widget.js, without
// what only its readers need.
func Script(name string) File { return Embedded(scripts, "minified/"+name) }

// Dashboard returns a file of the dashboard, such as index.html.
func Dashboard(name string) File { return Embedded(dashboard, "dashboard/"+name) }
