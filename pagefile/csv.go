package pagefile

import (
	"encoding/base64"
	"encoding/csv"
	"io"
	"strconv"

	"pageheat/codec"
	"pageheat/snapshot"
)

// csvMagic begins a file.
const csvMagic = "page"

// csvRows writes comma-separated values as RFC 4180 has them, with line breaks of one byte.
type csvRows struct {
	w   *csv.Writer
	cut *snapshot.Cut
	row []string
}

func newCSVRows(w io.Writer, cut *snapshot.Cut) *csvRows {
	return &csvRows{w: csv.NewWriter(w), cut: cut}
}

func (r *csvRows) begin([]byte) error {
	row := []string{"page", "heat", "clicks", "minutes", "likes", "behaviours", "title", "url"}
	for i := range r.cut.Boards {
		for _, column := range []string{"clicks", "minutes", "likes", "behaviours"} {
			row = append(row, r.cut.Boards[i].Name()+"."+column)
		}
	}
	return r.w.Write(append(row, "state"))
}

func (r *csvRows) page(p *snapshot.Page, heat string, state []byte) error {
	t := &p.Totals
	r.row = append(r.row[:0], p.Name, heat, t.ClicksDecimal(), t.MinutesDecimal(),
		strconv.FormatInt(t.Likes, 10), strconv.FormatUint(t.Behaviours, 10))
	if p.Label != nil {
		r.row = append(r.row, p.Label.Title, p.Label.URL)
	} else {
		r.row = append(r.row, "", "")
	}
	for i := range r.cut.Boards {
		if shown := p.Shown(r.cut, i); shown.Behaviours > 0 {
			r.row = append(r.row, shown.Clicks, shown.Minutes, shown.Likes, strconv.FormatUint(shown.Behaviours, 10))
		} else {
			r.row = append(r.row, "0", "0", "0", "0")
		}
	}
	r.row = append(r.row, base64.StdEncoding.EncodeToString(state))
	return r.w.Write(r.row)
}

func (r *csvRows) forgotten(codec.PageHash, *codec.Forgotten, []byte) error { return nil }
func (r *csvRows) sweep(*codec.Sweep, []byte) error                         { return nil }

func (r *csvRows) end([]byte) error {
	r.w.Flush()
	return r.w.Error()
}
