package pagefile

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/snapshot"
)

// Format is a format of files.
type Format string

// The formats.
const (
	JSONL   Format = "jsonl"
	CSV     Format = "csv"
	Parquet Format = "parquet"
)

// Config says how to write a file.
type Config struct {
	// Format of the file.
	Format Format
	// Program is the version of the program, for the manifest.
	Program string
	// Created is when the totals were taken, for the manifest.
	Created time.Time
	// Weights give the heat of pages.
	Weights heat.Weights
}

// Writer writes the pages of a snapshot, which come by heat partition and name. It belongs to one
// goroutine.
type Writer struct {
	out     rows
	tally   *tally
	weights heat.Weights
}

// rows writes the parts of a file in one format.
type rows interface {
	// begin is called first, with the text of the manifest.
	begin(manifest []byte) error
	// page writes a page with its heat and its state, which is empty if it has totals alone.
	page(p *snapshot.Page, heat string, state []byte) error
	// forgotten writes what is kept of a forgotten page, and the same as a record. Formats that are not read
	// back leave it out.
	forgotten(hash codec.PageHash, of *codec.Forgotten, record []byte) error
	// sweep does the same with a sweep.
	sweep(s *codec.Sweep, record []byte) error
	// end is called last, with the text of the end, and writes what is buffered.
	end(text []byte) error
}

// NewWriter begins a file. The caller closes w after Close.
func NewWriter(w io.Writer, c Config, cut snapshot.Cut) (*Writer, error) {
	text, err := json.Marshal(newManifest(&cut, c.Program, c.Created))
	if err != nil {
		return nil, fmt.Errorf("encoding the manifest: %w", err)
	}
	out := &Writer{tally: newTally(text), weights: c.Weights}
	switch c.Format {
	case JSONL:
		out.out = &jsonlRows{w: bufio.NewWriterSize(w, bufferBytes), cut: &cut}
	case CSV:
		out.out = newCSVRows(w, &cut)
	case Parquet:
		out.out = newParquetRows(w, &cut)
	default:
		return nil, fmt.Errorf("%q is not a format", c.Format)
	}
	return out, out.out.begin(text)
}

// parquetMagic begins a Parquet file. It is not read back: the library trusts what a damaged file says
// of its sizes, and memory may not suffice.
const parquetMagic = "PAR1"

// bufferBytes is the size of buffers.
const bufferBytes = 64 << 10

// Write writes a page.
func (w *Writer) Write(p *snapshot.Page) error {
	return w.out.page(p, w.weights.Heat(&p.Totals), w.tally.add(p))
}

// Close writes the end of the file, with what Kept and Forgotten of the snapshot say.
func (w *Writer) Close(kept uint64, forgotten *snapshot.Forgotten) error {
	for hash, of := range forgotten.All() {
		if err := w.out.forgotten(hash, of, w.tally.forget(hash, of)); err != nil {
			return err
		}
	}
	for _, s := range forgotten.AllSweeps() {
		if err := w.out.sweep(s, w.tally.sweep(s)); err != nil {
			return err
		}
	}
	text, err := json.Marshal(w.tally.end(kept))
	if err != nil {
		return fmt.Errorf("encoding the end: %w", err)
	}
	return w.out.end(text)
}

// Pages is how many pages were written.
func (w *Writer) Pages() uint64 { return w.tally.pages }

// Open begins to read a file of JSON lines. The pages can be read once. They end with an error that
// wraps [ErrDamaged] if the file is not as it was written.
func Open(r io.Reader) (snapshot.Source, error) {
	buffered := bufio.NewReaderSize(r, bufferBytes)
	magic, err := buffered.Peek(len(parquetMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the file: %w", err)
	}
	switch {
	case bytes.HasPrefix(magic, []byte("{")):
		return openJSONL(buffered)
	case string(magic) == parquetMagic, string(magic) == csvMagic:
		return nil, errors.New("files in Parquet and CSV are for other programs, and are not imported: export as jsonl")
	}
	return nil, fmt.Errorf("%w: it is not an export in JSON lines", ErrDamaged)
}
