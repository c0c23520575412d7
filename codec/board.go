package codec

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Board is one board: the hottest pages, and what they were counted from. Its JSON
// is what other programs read.
type Board struct {
	// Board is the key of the board's record: its name, such as "all-time" or "today", and for a
	// board of a group or of a closed period a slash and that, such as "today/sport" or
	// "day/2026-01-02". See [SplitBoardKey].
	Board string `json:"board"`
	// Version only grows. It is below 2⁵³, so that every JSON reader takes it
	// exactly.
	Version uint64 `json:"version"`
	// UpdatedAt is when the board was made. It is written in UTC, in milliseconds.
	UpdatedAt time.Time `json:"updated_at"`
	// Counted is how many behaviours are in the totals of all pages.
	Counted uint64 `json:"counted"`
	// Offsets say, for each partition of the input, below which offset every
	// message is in this board.
	Offsets Offsets `json:"offsets"`

	// The members up to Pages are left out where they say nothing. The board of all behaviours,
	// all-time, has none of them.

	// Kind says which behaviours count, and how much: "window", "trending" or "calendar". It is empty
	// if all do. A newer program may know further kinds.
	Kind string `json:"kind"`
	// Period is the name of the period of a calendar board, such as "2026-01-02".
	Period string `json:"period"`
	// Group is the text that all pages of a board of one group have in common.
	Group string `json:"group"`
	// Final says that the period is closed: no other board of it follows, but where pages are forgotten.
	Final bool `json:"final"`
	// Removed is how many pages were taken off a final board because they were forgotten after it was published.
	Removed int `json:"removed"`
	// AsOf is the minute that the board was calculated for. It is written as UpdatedAt is. It is zero
	// on a board that does not depend on the time.
	AsOf time.Time `json:"as_of"`
	// Since say, for each partition of the input, from which offset on the board counts. They are nil
	// on a board that counts from the beginning.
	Since Offsets `json:"since"`
	// Late is how many behaviours came too late for the board. It is below 2⁵³.
	Late uint64 `json:"late"`
	// Forgotten says how many requests to forget pages are in the board, by partition of the heat table. It has
	// the partitions with requests, and is nil if none has any.
	Forgotten Offsets `json:"forgotten"`
	// DefinitionHash identifies the definition: boards with equal hashes are defined equally.
	DefinitionHash string `json:"definition_hash"`
	// Definition is a JSON object with the settings of the board, without white space. Package codec
	// does not know what is in it.
	Definition jsontext.Value `json:"definition"`

	// Pages are the hottest pages, hottest first.
	Pages []BoardPage `json:"pages"`
}

// BoardPage is one page of a board.
type BoardPage struct {
	// Rank is the page's place on the board, from 1.
	Rank int `json:"rank"`
	// PreviousRank is the rank that the page held before this one, 0 if it came
	// from outside.
	PreviousRank int `json:"previous_rank"`
	// RankSince is when the page took its rank. It is written as UpdatedAt is.
	RankSince time.Time `json:"rank_since"`
	// Page is the page's name.
	Page string `json:"page"`
	// Title is what people call the page, and URL is where it is, as its newest behaviour with a title or an
	// address said; see [Label]. Each is left out where it is empty.
	Title string `json:"title"`
	URL   string `json:"url"`
	// Heat is the weights times Clicks, Minutes and Likes.
	Heat Decimal `json:"heat"`
	// Clicks is the sum of clicks, a whole number. On a trending board, whose sums decay, Clicks,
	// Minutes and Likes have up to 10 decimals.
	Clicks Decimal `json:"clicks"`
	// Minutes is the sum of minutes, with at most 9 decimals.
	Minutes Decimal `json:"minutes"`
	// Likes is the sum of like, a whole number: likes less dislikes.
	Likes Decimal `json:"likes"`
	// Behaviours is how many behaviours the page has had.
	Behaviours uint64 `json:"behaviours"`
}

// timeLayout is how times are written: always UTC, always three decimals.
const timeLayout = "2006-01-02T15:04:05.000Z"

// EncodeBoard returns the board as one JSON object in its canonical form: members
// in the order of the contract, no white space, times in UTC truncated to milliseconds,
// numbers as plain decimals, and of the characters in names only those escaped
// that JSON demands ('<', '&' and non-ASCII stay as they are). Equal boards give
// equal bytes. The error names what cannot be encoded: an invalid decimal, a name that is
// not UTF-8, a time after the year 9999. The pipeline makes no such boards.
func EncodeBoard(b *Board) ([]byte, error) {
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("encoding board %q: %w", b.Board, err)
	}
	dst := make([]byte, 0, 256+256*len(b.Pages))
	dst = append(dst, `{"board":`...)
	dst, err := jsontext.AppendQuote(dst, b.Board)
	if err != nil {
		return nil, fmt.Errorf("encoding board: its name %q: %w", b.Board, err)
	}
	dst = append(dst, `,"version":`...)
	dst = strconv.AppendUint(dst, b.Version, 10)
	dst = append(dst, `,"updated_at":`...)
	dst = appendTime(dst, b.UpdatedAt)
	dst = append(dst, `,"counted":`...)
	dst = strconv.AppendUint(dst, b.Counted, 10)
	dst = append(dst, `,"offsets":`...)
	dst = b.Offsets.append(dst)
	if dst, err = b.appendKind(dst); err != nil {
		return nil, fmt.Errorf("encoding board %q: %w", b.Board, err)
	}
	dst = append(dst, `,"pages":[`...)
	for i := range b.Pages {
		if i > 0 {
			dst = append(dst, ',')
		}
		if dst, err = b.Pages[i].append(dst); err != nil {
			return nil, fmt.Errorf("encoding board %q: page %q: %w", b.Board, b.Pages[i].Page, err)
		}
	}
	return append(dst, "]}"...), nil
}

// appendKind appends the members that the board of all behaviours does not have.
func (b *Board) appendKind(dst []byte) ([]byte, error) {
	for _, text := range []struct{ member, value string }{
		{`,"kind":`, b.Kind}, {`,"period":`, b.Period}, {`,"group":`, b.Group},
	} {
		if text.value == "" {
			continue
		}
		var err error
		if dst, err = jsontext.AppendQuote(append(dst, text.member...), text.value); err != nil {
			return nil, fmt.Errorf("%s %q: %w", strings.Trim(text.member, `,":`), text.value, err)
		}
	}
	if b.Final {
		dst = append(dst, `,"final":true`...)
	}
	if b.Removed > 0 {
		dst = strconv.AppendInt(append(dst, `,"removed":`...), int64(b.Removed), 10)
	}
	if !b.AsOf.IsZero() {
		dst = appendTime(append(dst, `,"as_of":`...), b.AsOf)
	}
	if b.Since != nil {
		dst = b.Since.append(append(dst, `,"since":`...))
	}
	if b.Kind != "" || b.Late > 0 {
		dst = strconv.AppendUint(append(dst, `,"late":`...), b.Late, 10)
	}
	if b.Forgotten != nil {
		dst = b.Forgotten.append(append(dst, `,"forgotten":`...))
	}
	if b.DefinitionHash != "" {
		var err error
		if dst, err = jsontext.AppendQuote(append(dst, `,"definition_hash":`...), b.DefinitionHash); err != nil {
			return nil, fmt.Errorf("definition_hash %q: %w", b.DefinitionHash, err)
		}
	}
	if b.Definition != nil {
		compact := b.Definition.Clone()
		if err := compact.Compact(); err != nil {
			return nil, fmt.Errorf("definition: %w", err)
		}
		dst = append(append(dst, `,"definition":`...), compact...)
	}
	return dst, nil
}

// check returns an error that names what of the board cannot be encoded.
func (b *Board) check() error {
	for _, at := range []struct {
		member string
		time   time.Time
	}{{"updated_at", b.UpdatedAt}, {"as_of", b.AsOf}} {
		if !isWritable(at.time) {
			return fmt.Errorf("%s: %v is not in the years 0 to 9999", at.member, at.time)
		}
	}
	if b.Definition != nil && (b.Definition.Kind() != '{' || !b.Definition.IsValid()) {
		return fmt.Errorf("definition: %s is not a JSON object", excerpt(b.Definition))
	}
	for i := range b.Pages {
		p := &b.Pages[i]
		if !isWritable(p.RankSince) {
			return fmt.Errorf("page %q: rank_since: %v is not in the years 0 to 9999", p.Page, p.RankSince)
		}
		for _, d := range []Decimal{p.Heat, p.Clicks, p.Minutes, p.Likes} {
			if !d.isPlain() {
				return fmt.Errorf("page %q: %q is not a plain decimal", p.Page, string(d))
			}
		}
	}
	return nil
}

func (p *BoardPage) append(dst []byte) ([]byte, error) {
	dst = append(dst, `{"rank":`...)
	dst = strconv.AppendInt(dst, int64(p.Rank), 10)
	dst = append(dst, `,"previous_rank":`...)
	dst = strconv.AppendInt(dst, int64(p.PreviousRank), 10)
	dst = append(dst, `,"rank_since":`...)
	dst = appendTime(dst, p.RankSince)
	dst = append(dst, `,"page":`...)
	dst, err := jsontext.AppendQuote(dst, p.Page)
	if err != nil {
		return nil, fmt.Errorf("its name: %w", err)
	}
	if p.Title != "" {
		if dst, err = jsontext.AppendQuote(append(dst, `,"title":`...), p.Title); err != nil {
			return nil, fmt.Errorf("its title: %w", err)
		}
	}
	if p.URL != "" {
		if dst, err = jsontext.AppendQuote(append(dst, `,"url":`...), p.URL); err != nil {
			return nil, fmt.Errorf("its url: %w", err)
		}
	}
	dst = append(dst, `,"heat":`...)
	dst = append(dst, p.Heat...)
	dst = append(dst, `,"clicks":`...)
	dst = append(dst, p.Clicks...)
	dst = append(dst, `,"minutes":`...)
	dst = append(dst, p.Minutes...)
	dst = append(dst, `,"likes":`...)
	dst = append(dst, p.Likes...)
	dst = append(dst, `,"behaviours":`...)
	dst = strconv.AppendUint(dst, p.Behaviours, 10)
	return append(dst, '}'), nil
}

// isWritable reports whether t has a form in RFC 3339.
func isWritable(t time.Time) bool {
	year := t.UTC().Year()
	return year >= 0 && year <= 9999
}

func appendTime(dst []byte, t time.Time) []byte {
	dst = append(dst, '"')
	dst = t.UTC().AppendFormat(dst, timeLayout)
	return append(dst, '"')
}

// MarshalJSON returns what [EncodeBoard] does. (An encoding/json Encoder may still
// escape characters in it, unless told not to.)
func (b Board) MarshalJSON() ([]byte, error) { return EncodeBoard(&b) }

// DecodeBoard reads a board. Members that it does not know are ignored, so that a
// board of a newer program can be read; a board without name, a page without heat,
// clicks, minutes or likes, a member given twice or a number that is not a plain decimal
// is an error.
func DecodeBoard(data []byte) (*Board, error) {
	var b Board
	if err := json.Unmarshal(data, &b); err != nil {
		return nil, fmt.Errorf("%w: board: %w", ErrMalformed, err)
	}
	if b.Board == "" {
		return nil, fmt.Errorf("%w: board: no name", ErrMalformed)
	}
	if b.Version >= MaxNumber || b.Counted >= MaxNumber || b.Late >= MaxNumber {
		return nil, fmt.Errorf("%w: board %q: version %d, counted %d, late %d: each has to be below %d",
			ErrMalformed, b.Board, b.Version, b.Counted, b.Late, uint64(MaxNumber))
	}
	if b.Removed < 0 || b.Removed >= MaxNumber {
		return nil, fmt.Errorf("%w: board %q: %d pages removed", ErrMalformed, b.Board, b.Removed)
	}
	if err := b.check(); err != nil {
		return nil, fmt.Errorf("%w: board %q: %w", ErrMalformed, b.Board, err)
	}
	if b.Definition != nil {
		if err := b.Definition.Compact(); err != nil {
			return nil, fmt.Errorf("%w: board %q: definition: %w", ErrMalformed, b.Board, err)
		}
	}
	return &b, nil
}

// BoardVersion reads the version of a board of a name, and nothing else of it. It is false if
// the board does not begin as [EncodeBoard] writes it.
func BoardVersion(data []byte, name string) (version uint64, ok bool) {
	start, err := jsontext.AppendQuote([]byte(`{"board":`), name)
	rest, ok := bytes.CutPrefix(data, append(start, `,"version":`...))
	if err != nil || !ok {
		return 0, false
	}
	digits, _, ok := bytes.Cut(rest, []byte(","))
	if !ok {
		return 0, false
	}
	version, err = strconv.ParseUint(string(digits), 10, 64)
	return version, err == nil && version < MaxNumber
}

// Decimal is a number in plain decimal digits: no exponent, no zeros before or
// after that could be left out, no "-0". In JSON it is a bare number.
type Decimal string

// isPlain reports whether d is a valid Decimal.
func (d Decimal) isPlain() bool {
	digits := string(d)
	negative := len(digits) > 0 && digits[0] == '-'
	if negative {
		digits = digits[1:]
	}
	point := -1
	for i, c := range []byte(digits) {
		if c == '.' && point < 0 {
			point = i
		} else if c < '0' || c > '9' {
			return false
		}
	}
	whole := digits
	if point >= 0 {
		whole = digits[:point]
		if last := digits[len(digits)-1]; last == '.' || last == '0' {
			return false
		}
	}
	return len(whole) > 0 && (whole[0] != '0' || len(whole) == 1) && (!negative || digits != "0")
}

// MarshalJSON returns d as a JSON number.
func (d Decimal) MarshalJSON() ([]byte, error) {
	if !d.isPlain() {
		return nil, fmt.Errorf("%q is not a plain decimal", string(d))
	}
	return []byte(d), nil
}

// UnmarshalJSON takes a JSON number.
func (d *Decimal) UnmarshalJSON(data []byte) error {
	if !Decimal(data).isPlain() {
		return fmt.Errorf("%s is not a number in plain decimal digits", excerpt(data))
	}
	*d = Decimal(data)
	return nil
}

// Offsets are offsets by partition, in ascending order of partitions. In JSON they
// are an object whose names are the partitions.
type Offsets []PartitionOffset

// PartitionOffset is a partition and an offset in it.
type PartitionOffset struct {
	Partition int32
	Offset    int64
}

// NewOffsets returns offsets, given by partition from 0, as [Offsets].
func NewOffsets(byPartition []int64) Offsets {
	o := make(Offsets, len(byPartition))
	for i, offset := range byPartition {
		o[i] = PartitionOffset{Partition: int32(i), Offset: offset}
	}
	return o
}

// Get returns the offset of a partition, and false if there is none.
func (o Offsets) Get(partition int32) (int64, bool) {
	i, ok := slices.BinarySearchFunc(o, partition, func(p PartitionOffset, partition int32) int {
		return int(p.Partition) - int(partition)
	})
	if !ok {
		return 0, false
	}
	return o[i].Offset, true
}

func (o Offsets) append(dst []byte) []byte {
	dst = append(dst, '{')
	for i, p := range o {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = strconv.AppendInt(dst, int64(p.Partition), 10)
		dst = append(dst, `":`...)
		dst = strconv.AppendInt(dst, p.Offset, 10)
	}
	return append(dst, '}')
}

// MarshalJSON returns o as a JSON object, partitions ascending.
func (o Offsets) MarshalJSON() ([]byte, error) { return o.append(nil), nil }

// UnmarshalJSON takes a JSON object, in any order of partitions.
func (o *Offsets) UnmarshalJSON(data []byte) error {
	var byName map[string]int64
	if err := json.Unmarshal(data, &byName); err != nil {
		return err
	}
	read := make(Offsets, 0, len(byName))
	for name, offset := range byName {
		partition, err := strconv.ParseUint(name, 10, 31)
		if err != nil || strconv.FormatUint(partition, 10) != name {
			return errors.New(strconv.Quote(name) + " is not a partition")
		}
		if offset < 0 || offset >= MaxNumber {
			return fmt.Errorf("offset %d of partition %s is out of range", offset, name)
		}
		read = append(read, PartitionOffset{Partition: int32(partition), Offset: offset})
	}
	slices.SortFunc(read, func(a, b PartitionOffset) int { return int(a.Partition) - int(b.Partition) })
	*o = read
	return nil
}
