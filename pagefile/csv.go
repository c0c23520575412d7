package pagefile

import (
	"encoding/csv"
	"io"
	"strconv"

	"pageheat/snapshot"
)

// csvMagic begins a file.
const csvMagic = "page"

// csvRows writes comma-separated values as RFC 4180 has them, with line breaks of one byte.
type csvRows struct {
	w   *csv.Writer
	row [6]string
}

func newCSVRows(w io.Writer) *csvRows { return &csvRows{w: csv.NewWriter(w)} }

func (r *csvRows) begin([]byte) error {
	return r.w.Write([]string{"page", "heat", "clicks", "minutes", "likes", "behaviours"})
}

func (r *csvRows) page(p *snapshot.Page, heat string) error {
	t := &p.Totals
	r.row = [...]string{p.Name, heat, t.ClicksDecimal(), t.MinutesDecimal(),
		strconv.FormatInt(t.Likes, 10), strconv.FormatUint(t.Behaviours, 10)}
	return r.w.Write(r.row[:])
}

func (r *csvRows) end([]byte) error {
	r.w.Flush()
	return r.w.Error()
}
