package pagefile

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"iter"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"pageheat/codec"
)

// timeLayout is how times are written, as in boards.
const timeLayout = "2006-01-02T15:04:05.000Z"

// boardLine is a line of a board's page.
type boardLine struct {
	Board        string        `json:"board"`
	AsOf         string        `json:"as_of,omitzero"`
	Rank         int           `json:"rank"`
	PreviousRank int           `json:"previous_rank"`
	RankSince    string        `json:"rank_since"`
	Page         string        `json:"page"`
	Heat         codec.Decimal `json:"heat"`
	Clicks       codec.Decimal `json:"clicks"`
	Minutes      codec.Decimal `json:"minutes"`
	Likes        codec.Decimal `json:"likes"`
	Behaviours   uint64        `json:"behaviours"`
}

// WriteBoards writes the pages of boards, one a row, in their order. A board that does not depend on
// the time has no as_of.
func WriteBoards(w io.Writer, format Format, boards []*codec.Board) error {
	switch format {
	case JSONL:
		return writeJSONLBoards(w, boards)
	case CSV:
		return writeCSVBoards(w, boards)
	case Parquet:
		return writeParquetBoards(w, boards)
	}
	return fmt.Errorf("%q is not a format", format)
}

// boardLines yields a line for each page of boards.
func boardLines(boards []*codec.Board) iter.Seq[boardLine] {
	return func(yield func(boardLine) bool) {
		for _, b := range boards {
			for _, p := range b.Pages {
				l := boardLine{Board: b.Board, Rank: p.Rank, PreviousRank: p.PreviousRank, RankSince: inWords(p.RankSince),
					Page: p.Page, Heat: p.Heat, Clicks: p.Clicks, Minutes: p.Minutes, Likes: p.Likes, Behaviours: p.Behaviours}
				if !b.AsOf.IsZero() {
					l.AsOf = inWords(b.AsOf)
				}
				if !yield(l) {
					return
				}
			}
		}
	}
}

func inWords(t time.Time) string { return t.UTC().Format(timeLayout) }

func writeJSONLBoards(w io.Writer, boards []*codec.Board) error {
	out := bufio.NewWriterSize(w, bufferBytes)
	for l := range boardLines(boards) {
		line, err := json.Marshal(l)
		if err != nil {
			return fmt.Errorf("board %q: page %q: %w", l.Board, l.Page, err)
		}
		_, _ = out.Write(append(line, '\n')) // Flush returns the error
	}
	return out.Flush()
}

func writeCSVBoards(w io.Writer, boards []*codec.Board) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"board", "as_of", "rank", "previous_rank", "rank_since", "page", "heat", "clicks", "minutes", "likes", "behaviours"}) // Error returns it
	for l := range boardLines(boards) {
		_ = out.Write([]string{l.Board, l.AsOf, strconv.Itoa(l.Rank), strconv.Itoa(l.PreviousRank), l.RankSince,
			l.Page, string(l.Heat), string(l.Clicks), string(l.Minutes), string(l.Likes), strconv.FormatUint(l.Behaviours, 10)})
	}
	out.Flush()
	return out.Error()
}
