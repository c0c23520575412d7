//go:build !noparquet

package pagefile

import (
	"encoding/binary"
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
	rows []parquetPage
}

func newParquetRows(w io.Writer) rows {
	return &parquetRows{w: parquet.NewGenericWriter[parquetPage](w, parquet.MaxRowsPerRowGroup(rowGroupRows))}
}

func (r *parquetRows) begin(manifest []byte) error {
	r.w.SetKeyValueMetadata(parquetManifest, string(manifest))
	return nil
}

func (r *parquetRows) page(p *snapshot.Page, heat string) error {
	row, err := newParquetPage(p, heat)
	if err != nil {
		return err
	}
	if r.rows = append(r.rows, row); len(r.rows) < batchRows {
		return nil
	}
	return r.flush()
}

func newParquetPage(p *snapshot.Page, text string) (parquetPage, error) {
	t := &p.Totals
	score, err := parseDecimal(text, heatScale)
	return parquetPage{Page: p.Name, Heat: score, Clicks: newDecimal(t.Clicks, false), Minutes: newDecimal(t.Minutes, false),
		Likes: t.Likes, Behaviours: int64(t.Behaviours)}, err
}

func (r *parquetRows) flush() error {
	_, err := r.w.Write(r.rows)
	r.rows = r.rows[:0]
	return err
}

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
			for _, n := range []struct {
				text codec.Decimal
				into *decimal
			}{{p.Heat, &row.Heat}, {p.Clicks, &row.Clicks}, {p.Minutes, &row.Minutes}, {p.Likes, &row.Likes}} {
				var err error
				if *n.into, err = parseDecimal(string(n.text), heatScale); err != nil {
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
