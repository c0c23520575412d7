// Package api describes to programs what pageheat takes and gives: the HTTP
// interface as an OpenAPI 3.1 document, and the messages of the input and of the
// output topic as JSON Schemas (draft 2020-12). All are served, by [Routes]; the
// tests hold them against what the handlers and codecs do.
package api
