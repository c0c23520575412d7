// Package pagefile writes all pages to files: as JSON lines, which it reads back, and
// for other programs as Parquet and CSV. It also writes boards.
//
// A file has a manifest and an end, except in CSV. The manifest says where the totals were taken,
// and the version of the format. The end has the number of pages and of behaviours, and a SHA-256 of
// the manifest and all pages: of its text and a line break, and for each page of the line
// page|clicks|minutes|likes|behaviours with its line break, before which |state in base64 comes if the page
// has more than totals: its record in the heat table, where the number of a board is its place in the
// manifest. What is kept of forgotten pages follows the pages, and is part of the sum as well. So a file that was cut off or damaged is
// refused. The heat of pages, and what is shown of
// their titles and boards, is for readers, and is not part of the sum.
//
// In JSON lines the manifest is the first line, {"pageheat":{...}}, and the end is the last,
// {"end":{...}}. In Parquet they are metadata of the file, with the keys pageheat.manifest and
// pageheat.end.
//
//   - file.go has the formats, Writer and Open; manifest.go what they have in common;
//   - jsonl.go, parquet.go and csv.go have one format each, boards.go has boards.
package pagefile
