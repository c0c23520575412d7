//go:build !noparquet

package pagefile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"pageheat/codec"
	"pageheat/heat"
	"pageheat/snapshot"
)

const (
	parquetManifest = "pageheat.manifest"
	parquetEnd      = "pageheat.end"
	// rowGroupRows is how many pages a row group has, and batchRows how many are encoded at
	// once.
	rowGroupRows = 100_000
	batchRows    = 1000
	// heatScale is the number of decimals of heat.
	heatScale = 10
)

// decimal is a signed number of 128 bits, the highest byte first.
type decimal [16]byte

func newDecimal(u heat.Uint128, negative bool) (d decimal) {
	if negative {
		u, _ = heat.Uint128{}.Sub(u) // its two's complement
	}
	binary.BigEndian.PutUint64(d[:8], u.Hi)
	binary.BigEndian.PutUint64(d[8:], u.Lo)
	return d
}

// parseDecimal returns a plain decimal with a sign.
func parseDecimal(text string, scale int) (decimal, error) {
	digits, negative := strings.CutPrefix(text, "-")
	u, err := heat.ParseDecimal(digits, scale)
	return newDecimal(u, negative), err
}

// parquetPage is a row of a page.
type parquetPage struct {
	Page       string  `parquet:"page,zstd"`
	Heat       decimal `parquet:"heat,decimal(10:38),zstd"`
	Clicks     decimal `parquet:"clicks,decimal(0:38),zstd"`
	Minutes    decimal `parquet:"minutes,decimal(9:38),zstd"`
	Likes      int64   `parquet:"likes,zstd"`
	Behaviours int64   `parquet:"behaviours,zstd"`
	// What the page has besides totals. The state is for an import, and the rest for readers.
	Title  string         `parquet:"title,optional,zstd"`
	URL    string         `parquet:"url,optional,zstd"`
	Boards []parquetBoard `parquet:"boards,list"`
	State  []byte         `parquet:"state,optional,zstd"`
}

// parquetBoard is what a page has on one board.
type parquetBoard struct {
	Board      string  `parquet:"board,zstd"`
	Clicks     decimal `parquet:"clicks,decimal(10:38),zstd"`
	Minutes    decimal `parquet:"minutes,decimal(10:38),zstd"`
	Likes      decimal `parquet:"likes,decimal(10:38),zstd"`
	Behaviours int64   `parquet:"behaviours,zstd"`
}

// parquetBoardPage is a row of a board's page. Sums of boards that decay have ten decimals.
type parquetBoardPage struct {
	Board        string     `parquet:"board,zstd"`
	AsOf         *time.Time `parquet:"as_of,optional,timestamp(millisecond),zstd"`
	Rank         int32      `parquet:"rank,zstd"`
	PreviousRank int32      `parquet:"previous_rank,zstd"`
	RankSince    time.Time  `parquet:"rank_since,timestamp(millisecond),zstd"`
	Page         string     `parquet:"page,zstd"`
	Heat         decimal    `parquet:"heat,decimal(10:38),zstd"`
	Clicks       decimal    `parquet:"clicks,decimal(10:38),zstd"`
	Minutes      decimal    `parquet:"minutes,decimal(10:38),zstd"`
	Likes        decimal    `parquet:"likes,decimal(10:38),zstd"`
	Behaviours   int64      `parquet:"behaviours,zstd"`
}

// parquetRows writes Parquet.
type parquetRows struct {
	w    *parquet.GenericWriter[parquetPage]
	cut  *snapshot.Cut
	rows []parquetPage
}

func newParquetRows(w io.Writer, cut *snapshot.Cut) rows {
	return &parquetRows{cut: cut, w: parquet.NewGenericWriter[parquetPage](w, parquet.MaxRowsPerRowGroup(rowGroupRows))}
}

func (r *parquetRows) begin(manifest []byte) error {
	r.w.SetKeyValueMetadata(parquetManifest, string(manifest))
	return nil
}

func (r *parquetRows) page(p *snapshot.Page, heat string, state []byte) error {
	row, err := newParquetPage(r.cut, p, heat)
	if err != nil {
		return fmt.Errorf("page %q: %w", p.Name, err)
	}
	row.State = bytes.Clone(state)
	if r.rows = append(r.rows, row); len(r.rows) < batchRows {
		return nil
	}
	return r.flush()
}

func newParquetPage(cut *snapshot.Cut, p *snapshot.Page, text string) (parquetPage, error) {
	t := &p.Totals
	score, err := parseDecimal(text, heatScale)
	row := parquetPage{Page: p.Name, Heat: score, Clicks: newDecimal(t.Clicks, false), Minutes: newDecimal(t.Minutes, false),
		Likes: t.Likes, Behaviours: int64(t.Behaviours)}
	if p.Label != nil {
		row.Title, row.URL = p.Label.Title, p.Label.URL
	}
	for name, shown := range shownOn(cut, p) {
		on := parquetBoard{Board: name, Behaviours: int64(shown.Behaviours)}
		for _, n := range []parquetNumber{{shown.Clicks, &on.Clicks}, {shown.Minutes, &on.Minutes}, {shown.Likes, &on.Likes}} {
			err = errors.Join(err, n.parse())
		}
		row.Boards = append(row.Boards, on)
	}
	return row, err
}

// parquetNumber is a decimal with ten digits after the point, and where it belongs.
type parquetNumber struct {
	text string
	into *decimal
}

func (n *parquetNumber) parse() (err error) {
	*n.into, err = parseDecimal(n.text, heatScale)
	return err
}

func (r *parquetRows) flush() error {
	_, err := r.w.Write(r.rows)
	r.rows = r.rows[:0]
	return err
}

func (r *parquetRows) forgotten(codec.PageHash, *codec.Forgotten, []byte) error { return nil }
func (r *parquetRows) sweep(*codec.Sweep, []byte) error                         { return nil }

func (r *parquetRows) end(text []byte) error {
	if err := r.flush(); err != nil {
		return err
	}
	r.w.SetKeyValueMetadata(parquetEnd, string(text))
	return r.w.Close()
}

// writeParquetBoards writes the pages of boards.
func writeParquetBoards(w io.Writer, boards []*codec.Board) error {
	out := parquet.NewGenericWriter[parquetBoardPage](w)
	for _, b := range boards {
		for _, p := range b.Pages {
			row := parquetBoardPage{Board: b.Board, Rank: int32(p.Rank), PreviousRank: int32(p.PreviousRank), RankSince: p.RankSince,
				Page: p.Page, Behaviours: int64(p.Behaviours)}
			if !b.AsOf.IsZero() {
				row.AsOf = &b.AsOf
			}
			for _, n := range []parquetNumber{{string(p.Heat), &row.Heat}, {string(p.Clicks), &row.Clicks},
				{string(p.Minutes), &row.Minutes}, {string(p.Likes), &row.Likes}} {
				if err := n.parse(); err != nil {
					return fmt.Errorf("board %q: page %q: %w", b.Board, p.Page, err)
				}
			}
			if _, err := out.Write([]parquetBoardPage{row}); err != nil {
				return err
			}
		}
	}
	return out.Close()
}
