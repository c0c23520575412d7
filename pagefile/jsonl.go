package pagefile

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/snapshot"
)

// jsonlRows writes JSON lines.
type jsonlRows struct {
	w    *bufio.Writer
	cut  *snapshot.Cut
	line []byte
}

func (r *jsonlRows) begin(manifest []byte) error { return r.wrap("pageheat", manifest) }

// wrap writes an object with one member.
func (r *jsonlRows) wrap(name string, value []byte) error {
	r.line = append(append(append(r.line[:0], `{"`...), name...), `":`...)
	return r.write(append(append(r.line, value...), "}\n"...))
}

func (r *jsonlRows) write(line []byte) error {
	r.line = line[:0]
	_, err := r.w.Write(line)
	return err
}

func (r *jsonlRows) page(p *snapshot.Page, heat string, state []byte) error {
	line, err := jsontext.AppendQuote(append(r.line[:0], `{"page":`...), p.Name)
	if err != nil {
		return fmt.Errorf("page %q: %w", p.Name, err)
	}
	line = append(append(line, `,"heat":`...), heat...)
	line = append(append(line, `,"clicks":`...), p.Totals.ClicksDecimal()...)
	line = append(append(line, `,"minutes":`...), p.Totals.MinutesDecimal()...)
	line = strconv.AppendInt(append(line, `,"likes":`...), p.Totals.Likes, 10)
	line = strconv.AppendUint(append(line, `,"behaviours":`...), p.Totals.Behaviours, 10)
	if len(state) > 0 {
		if line, err = r.appendState(line, p, state); err != nil {
			return fmt.Errorf("page %q: %w", p.Name, err)
		}
	}
	return r.write(append(line, "}\n"...))
}

// appendState appends what a page has besides totals: for readers, and as it is read back.
func (r *jsonlRows) appendState(line []byte, p *snapshot.Page, state []byte) (_ []byte, err error) {
	if p.Label != nil {
		for _, text := range []struct{ name, value string }{{"title", p.Label.Title}, {"url", p.Label.URL}} {
			if text.value == "" {
				continue
			}
			if line, err = jsontext.AppendQuote(append(append(append(line, `,"`...), text.name...), `":`...), text.value); err != nil {
				return nil, err
			}
		}
	}
	before := `,"boards":{`
	for name, shown := range shownOn(r.cut, p) {
		if line, err = jsontext.AppendQuote(append(line, before...), name); err != nil {
			return nil, err
		}
		line = append(append(line, `:{"clicks":`...), shown.Clicks...)
		line = append(append(line, `,"minutes":`...), shown.Minutes...)
		line = append(append(line, `,"likes":`...), shown.Likes...)
		line = append(strconv.AppendUint(append(line, `,"behaviours":`...), shown.Behaviours, 10), '}')
		before = ","
	}
	if before == "," {
		line = append(line, '}')
	}
	line = base64.StdEncoding.AppendEncode(append(line, `,"state":"`...), state)
	return append(line, '"'), nil
}

func (r *jsonlRows) forgotten(hash codec.PageHash, of *codec.Forgotten, record []byte) error {
	text, err := json.Marshal(jsonlForgotten{SHA256: hash.String(), RequestedAt: inWords(time.UnixMilli(of.RequestedAt)), Blocked: of.Blocked, State: record})
	if err != nil {
		return fmt.Errorf("the forgotten page %s: %w", hash, err)
	}
	return r.wrap("forgotten", text)
}

func (r *jsonlRows) sweep(s *codec.Sweep, record []byte) error {
	text, err := json.Marshal(jsonlSweep{Before: s.Before.String(), SweptAt: inWords(time.UnixMilli(s.SweptAt)), State: record})
	if err != nil {
		return fmt.Errorf("the sweep before %s: %w", s.Before, err)
	}
	return r.wrap("sweep", text)
}

func (r *jsonlRows) end(text []byte) error {
	if err := r.wrap("end", text); err != nil {
		return err
	}
	return r.w.Flush()
}

// jsonlForgotten is a line of a forgotten page. State has all, and the rest is for readers.
type jsonlForgotten struct {
	SHA256      string `json:"sha256"`
	RequestedAt string `json:"requested_at"`
	Blocked     bool   `json:"blocked"`
	State       []byte `json:"state"`
}

// jsonlSweep is a line of a sweep, which dropped pages without a behaviour since a day. State has all, and the rest is for
// readers.
type jsonlSweep struct {
	Before  string `json:"before"`
	SweptAt string `json:"swept_at"`
	State   []byte `json:"state"`
}

// jsonlPage is a line of a page.
type jsonlPage struct {
	Page       string        `json:"page"`
	Heat       codec.Decimal `json:"heat"`
	Clicks     codec.Decimal `json:"clicks"`
	Minutes    codec.Decimal `json:"minutes"`
	Likes      int64         `json:"likes"`
	Behaviours uint64        `json:"behaviours"`
	// State has the rest, and these are for readers.
	Title  string         `json:"title"`
	URL    string         `json:"url"`
	Boards jsontext.Value `json:"boards"`
	State  []byte         `json:"state"`
}

const (
	// mostLine is the longest line of a page: its name and title, each byte of which may be escaped,
	// numbers, and the states of as many boards as there may be. mostManifest is the longest manifest.
	mostLine     = 16 << 20
	mostManifest = 128 << 20
)

// jsonlFile is a file that is read. It is read once.
type jsonlFile struct {
	*checker
	r    *bufio.Reader
	line int
}

func openJSONL(r *bufio.Reader) (*jsonlFile, error) {
	f := &jsonlFile{r: r}
	line, err := f.next(mostManifest)
	if err != nil {
		return nil, err
	}
	text, ok := member(line, "pageheat")
	if !ok {
		return nil, fmt.Errorf("%w: its first line is not a manifest", ErrDamaged)
	}
	f.checker, err = newChecker(text)
	return f, err
}

// next returns the next line, without its end, which is only valid until the next call.
func (f *jsonlFile) next(most int) ([]byte, error) {
	f.line++
	var long []byte
	for {
		part, err := f.r.ReadSlice('\n')
		switch {
		case err == nil && long == nil:
			return part[:len(part)-1], nil
		case err == nil:
			return append(long, part[:len(part)-1]...), nil
		case errors.Is(err, bufio.ErrBufferFull) && len(long)+len(part) <= most:
			long = append(long, part...)
		case errors.Is(err, bufio.ErrBufferFull):
			return nil, fmt.Errorf("%w: line %d has more than %d bytes", ErrDamaged, f.line, most)
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%w: it ends in line %d, and its last line is missing", ErrDamaged, f.line)
		default:
			return nil, fmt.Errorf("reading line %d: %w", f.line, err)
		}
	}
}

// member returns the value of an object's only member, as it was written.
func member(line []byte, name string) ([]byte, bool) {
	rest, begins := bytes.CutPrefix(line, []byte(`{"`+name+`":`))
	text, ends := bytes.CutSuffix(rest, []byte(`}`))
	return bytes.Clone(text), begins && ends
}

// Pages yields the pages.
func (f *jsonlFile) Pages(ctx context.Context) iter.Seq2[snapshot.Page, error] {
	return func(yield func(snapshot.Page, error) bool) {
		for {
			p, more, err := f.page(ctx)
			if err != nil {
				yield(snapshot.Page{}, err)
				return
			}
			if !more || !yield(p, nil) {
				return
			}
		}
	}
}

// pageLine reads the line of a page, or the end. It takes in forgotten pages and sweeps.
func (f *jsonlFile) pageLine(ctx context.Context) ([]byte, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		line, err := f.next(mostLine)
		if err != nil {
			return nil, err
		}
		if text, ok := member(line, "sweep"); ok {
			var row jsonlSweep
			err := json.Unmarshal(text, &row, json.RejectUnknownMembers(true))
			if err == nil {
				err = f.sweep(row.State)
			}
			if err != nil {
				return nil, fmt.Errorf("%w: line %d: %w", ErrDamaged, f.line, err)
			}
			continue
		}
		text, ok := member(line, "forgotten")
		if !ok {
			return line, nil
		}
		var row jsonlForgotten
		if err := json.Unmarshal(text, &row, json.RejectUnknownMembers(true)); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrDamaged, f.line, err)
		}
		if err := f.forget(row.SHA256, row.State); err != nil {
			return nil, fmt.Errorf("line %d: %w", f.line, err)
		}
	}
}

// page reads a page; more is false at the end of the file.
func (f *jsonlFile) page(ctx context.Context) (p snapshot.Page, more bool, err error) {
	line, err := f.pageLine(ctx)
	if err != nil {
		return p, false, err
	}
	if text, ok := member(line, "end"); ok {
		if err := f.end(text); err != nil {
			return p, false, err
		}
		if _, err := f.r.ReadByte(); !errors.Is(err, io.EOF) {
			return p, false, fmt.Errorf("%w: something follows after its end in line %d", ErrDamaged, f.line)
		}
		return p, false, nil
	}
	var row jsonlPage
	if err := json.Unmarshal(line, &row, json.RejectUnknownMembers(true)); err != nil {
		return p, false, fmt.Errorf("%w: line %d: %w", ErrDamaged, f.line, err)
	}
	totals, err := heat.ParseTotals(string(row.Clicks), string(row.Minutes), row.Likes, row.Behaviours)
	if p = (snapshot.Page{Name: row.Page, Totals: totals}); err == nil && len(row.State) > 0 {
		if p, err = f.cut.ReadPage(row.Page, row.State); err == nil && p.Totals != totals {
			err = errors.New("its state has other totals")
		}
	}
	if err == nil {
		err = f.checker.page(&p)
	}
	if err != nil {
		return p, false, fmt.Errorf("%w: line %d: %w", ErrDamaged, f.line, err)
	}
	return p, true, nil
}
