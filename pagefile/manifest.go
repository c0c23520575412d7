package pagefile

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/snapshot"
	"pageheat/topology"
)

// version is that of the format. Files of version 1 have no boards and no states.
const version = 2

// ErrDamaged is wrapped by errors about a file that is not as it was written.
var ErrDamaged = errors.New("the file is damaged or cut off")

// manifest is the beginning of a file.
type manifest struct {
	Version        int             `json:"version"`
	Program        string          `json:"program"`
	CreatedAt      string          `json:"created_at"`
	Input          string          `json:"input"`
	InputID        string          `json:"input_id"`
	Partitions     []manifestCut   `json:"partitions"`
	HeatPartitions int32           `json:"heat_partitions"`
	MaxClicks      uint32          `json:"max_clicks"`
	MaxMinutes     uint32          `json:"max_minutes"`
	Behaviours     uint64          `json:"behaviours"`
	Boards         []manifestBoard `json:"boards,omitzero"`
}

// manifestBoard is a further board. States have its place in the list as its number.
type manifestBoard struct {
	Name       string  `json:"name"`
	Definition string  `json:"definition"`
	AsOf       string  `json:"as_of"`
	Late       uint64  `json:"late"`
	Since      []int64 `json:"since,omitempty"`
}

// manifestCut is where an input partition was cut: everything below Next is counted, from Begin on.
type manifestCut struct {
	Partition int32  `json:"partition"`
	Next      int64  `json:"next"`
	Begin     int64  `json:"begin"`
	Lost      uint64 `json:"lost"`
}

// end is the end of a file.
type end struct {
	Pages      uint64 `json:"pages"`
	Behaviours uint64 `json:"behaviours"`
	Kept       uint64 `json:"kept"`
	SHA256     string `json:"sha256"`
}

// newManifest describes a cut.
func newManifest(c *snapshot.Cut, program string, created time.Time) manifest {
	m := manifest{Version: version, Program: program, CreatedAt: inWords(created), Input: c.Topic, InputID: c.Input.String(),
		HeatPartitions: c.Partitions, MaxClicks: c.Limits.MaxClicks, MaxMinutes: c.Limits.MaxMinutes, Behaviours: c.Behaviours,
		Partitions: []manifestCut{}}
	for i := range c.Boards {
		b := c.Boards[i].Progress(i)
		m.Boards = append(m.Boards, manifestBoard{Name: b.Name, Definition: b.Definition, AsOf: b.AsOf.String(), Late: b.Late, Since: b.Since})
	}
	for q, to := range c.To {
		if to != codec.Unknown {
			m.Partitions = append(m.Partitions, manifestCut{Partition: int32(q), Next: to + 1, Begin: c.Begin[q], Lost: c.Lost[q]})
		}
	}
	return m
}

// mostInputs is the maximum number of input partitions, as in package store.
const mostInputs = 1 << 20

// parseManifest reads the text of a manifest.
func parseManifest(text []byte) (snapshot.Cut, error) {
	var m manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return snapshot.Cut{}, fmt.Errorf("%w: its manifest: %w", ErrDamaged, err)
	}
	if m.Version < 1 || m.Version > version {
		return snapshot.Cut{}, fmt.Errorf("%w: the file has format version %d, this program reads versions up to %d", codec.ErrVersion, m.Version, version)
	}
	c := snapshot.Cut{Topic: m.Input, Partitions: m.HeatPartitions, Limits: heat.Limits{MaxClicks: m.MaxClicks, MaxMinutes: m.MaxMinutes}, Behaviours: m.Behaviours}
	id, err := base64.RawURLEncoding.DecodeString(m.InputID)
	switch {
	case err != nil || len(id) != len(c.Input):
		return c, fmt.Errorf("%w: its input_id is %q", ErrDamaged, m.InputID)
	case c.Partitions < 1:
		return c, fmt.Errorf("%w: it has %d heat_partitions", ErrDamaged, c.Partitions)
	case c.Behaviours >= codec.MaxNumber:
		return c, fmt.Errorf("%w: it has %d behaviours", ErrDamaged, c.Behaviours)
	}
	if err := c.Limits.Validate(); err != nil {
		return c, fmt.Errorf("%w: its limits: %w", ErrDamaged, err)
	}
	copy(c.Input[:], id)
	for _, p := range m.Partitions {
		q := int(p.Partition)
		if q < len(c.To) || q >= mostInputs || p.Next < 0 || p.Next >= codec.MaxNumber || p.Begin < 0 || p.Begin >= codec.MaxNumber || p.Lost >= codec.MaxNumber {
			return c, fmt.Errorf("%w: its cut of input partition %d", ErrDamaged, p.Partition)
		}
		for len(c.To) < q {
			c.To, c.Begin, c.Lost = append(c.To, codec.Unknown), append(c.Begin, 0), append(c.Lost, 0)
		}
		c.To, c.Begin, c.Lost = append(c.To, p.Next-1), append(c.Begin, p.Begin), append(c.Lost, p.Lost)
	}
	for _, of := range m.Boards {
		b, err := of.board()
		if err != nil {
			return c, fmt.Errorf("%w: board %q: %w", ErrDamaged, of.Name, err)
		}
		if slices.ContainsFunc(c.Boards, func(other snapshot.Board) bool { return other.Name() == b.Name() }) {
			return c, fmt.Errorf("%w: board %q is there twice", ErrDamaged, of.Name)
		}
		c.Boards = append(c.Boards, b)
	}
	return c, nil
}

// board returns the board that it describes.
func (m *manifestBoard) board() (snapshot.Board, error) {
	b, err := snapshot.ParseBoard(m.Definition)
	if err != nil {
		return b, err
	}
	asOf, err := time.Parse(time.RFC3339, m.AsOf)
	if err != nil {
		return b, err
	}
	b.AsOf, b.Late, b.Since = boards.MinuteOf(asOf), m.Late, m.Since
	switch {
	case b.Name() != m.Name:
		return b, fmt.Errorf("it has the definition of %q", b.Name())
	case b.AsOf.String() != m.AsOf:
		return b, fmt.Errorf("as_of is %q", m.AsOf)
	case m.Late >= codec.MaxNumber:
		return b, fmt.Errorf("%d are late", m.Late)
	case slices.ContainsFunc(m.Since, func(offset int64) bool { return offset < 0 || offset >= codec.MaxNumber }):
		return b, fmt.Errorf("since is %d", m.Since)
	}
	return b, nil
}

// tally adds up what a file holds.
type tally struct {
	pages, behaviours uint64
	sum               hash.Hash
	line, record      []byte
}

// newTally begins with the text of the manifest.
func newTally(manifest []byte) *tally {
	t := &tally{sum: sha256.New()}
	t.write(append(append(t.line[:0], manifest...), '\n'))
	return t
}

func (t *tally) write(line []byte) {
	_, _ = t.sum.Write(line) // never fails
	t.line = line[:0]
}

// add adds a page, and returns its state, which is only valid until the next call: the record that the heat
// table has of it, nil if the page has totals alone.
func (t *tally) add(p *snapshot.Page) (state []byte) {
	t.pages++
	t.behaviours += p.Totals.Behaviours
	line := append(append(t.line, p.Name...), '|')
	line = append(append(line, p.Totals.ClicksDecimal()...), '|')
	line = append(append(line, p.Totals.MinutesDecimal()...), '|')
	line = append(strconv.AppendInt(line, p.Totals.Likes, 10), '|')
	line = strconv.AppendUint(line, p.Totals.Behaviours, 10)
	if !p.Plain() {
		t.record = p.Append(t.record[:0])
		state = t.record
		line = base64.StdEncoding.AppendEncode(append(line, '|'), state)
	}
	t.write(append(line, '\n'))
	return state
}

// forget adds what is kept of a forgotten page, and returns it as a record, which is only valid until the next
// call. It must come after the pages.
func (t *tally) forget(hash codec.PageHash, of *codec.Forgotten) (record []byte) {
	t.record = codec.AppendForgotten(t.record[:0], of)
	line := append(append(append(t.line, "|forgotten|"...), hash.String()...), '|') // no page has such a name
	t.write(append(base64.StdEncoding.AppendEncode(line, t.record), '\n'))
	return t.record
}

// sweep adds a sweep, and returns it as a record, which is only valid until the next call. It must come after the
// forgotten pages.
func (t *tally) sweep(s *codec.Sweep) (record []byte) {
	t.record = codec.AppendSweep(t.record[:0], s)
	t.write(append(base64.StdEncoding.AppendEncode(append(t.line, "|sweep|"...), t.record), '\n'))
	return t.record
}

// end is the end of the file.
func (t *tally) end(kept uint64) end {
	return end{Pages: t.pages, Behaviours: t.behaviours, Kept: kept, SHA256: hex.EncodeToString(t.sum.Sum(nil))}
}

// checker checks the pages of a file while they are read.
type checker struct {
	cut   snapshot.Cut
	tally *tally
	kept  uint64

	partition int32
	name      string
	forgotten map[codec.PageHash]*codec.Forgotten // pages come before
	last      codec.PageHash                      // of forgotten
	sweeps    []*codec.Sweep                      // which come last
}

func newChecker(manifest []byte) (*checker, error) {
	cut, err := parseManifest(manifest)
	if err != nil {
		return nil, err
	}
	return &checker{cut: cut, tally: newTally(manifest)}, nil
}

// Cut is that of the manifest.
func (c *checker) Cut() snapshot.Cut { return c.cut }

// Kept is known at the end.
func (c *checker) Kept() uint64 { return c.kept }

// Forgotten is known at the end.
func (c *checker) Forgotten() *snapshot.Forgotten {
	f := snapshot.NewForgotten(c.forgotten)
	for i, s := range c.sweeps {
		one := *s
		one.Number = uint64(i) + 1 // in the order of the file
		f.AddSweep(0, &one)
	}
	return f
}

// sweep checks a sweep.
func (c *checker) sweep(record []byte) error {
	s, err := codec.DecodeSweep(record)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(c.sweeps, func(known *codec.Sweep) bool { return known.Key() == s.Key() }) {
		return fmt.Errorf("the sweep before %s is there twice", s.Before)
	}
	c.sweeps = append(c.sweeps, s)
	c.tally.sweep(s)
	return nil
}

// forget checks what is kept of a forgotten page. They come by their hashes.
func (c *checker) forget(digits string, record []byte) error {
	var hash codec.PageHash
	n, err := hex.Decode(hash[:], []byte(digits[:min(len(digits), 2*len(hash))]))
	if err != nil || n < len(hash) || hash.String() != digits || len(c.sweeps) > 0 || len(c.forgotten) > 0 && bytes.Compare(hash[:], c.last[:]) <= 0 {
		return fmt.Errorf("%w: a forgotten page with the hash %q", ErrDamaged, digits)
	}
	of, err := codec.DecodeForgotten(record)
	if err != nil {
		return fmt.Errorf("%w: the forgotten page %s: %w", ErrDamaged, digits, err)
	}
	if c.forgotten == nil {
		c.forgotten = map[codec.PageHash]*codec.Forgotten{}
	}
	c.forgotten[hash], c.last = of, hash
	c.tally.forget(hash, of)
	return nil
}

// page checks one page. Pages come by heat partition and name, so that none is there twice.
func (c *checker) page(p *snapshot.Page) error {
	partition := topology.Partition(p.Name, int(c.cut.Partitions))
	switch {
	case len(c.forgotten)+len(c.sweeps) > 0:
		return fmt.Errorf("%w: page %q comes after forgotten pages", ErrDamaged, p.Name)
	case !codec.IsPage(p.Name):
		return fmt.Errorf("%w: %q is not a valid page name", ErrDamaged, p.Name)
	case !p.Totals.Within(c.cut.Limits) || p.Totals.Behaviours == 0 || p.Totals.Behaviours >= codec.MaxNumber:
		return fmt.Errorf("%w: page %q has impossible totals", ErrDamaged, p.Name)
	case c.tally.pages > 0 && cmp.Or(cmp.Compare(partition, c.partition), cmp.Compare(p.Name, c.name)) <= 0:
		return fmt.Errorf("%w: page %q comes after page %q", ErrDamaged, p.Name, c.name)
	}
	c.partition, c.name = partition, p.Name
	c.tally.add(p)
	return nil
}

// end checks the text of the end.
func (c *checker) end(text []byte) error {
	var e end
	if err := json.Unmarshal(text, &e); err != nil {
		return fmt.Errorf("%w: its end: %w", ErrDamaged, err)
	}
	if got := c.tally.end(e.Kept); got != e || got.Behaviours != c.cut.Behaviours {
		return fmt.Errorf("%w: it has %d pages with %d behaviours and the SHA-256 %s, and should have %d with %d and %s",
			ErrDamaged, got.Pages, got.Behaviours, got.SHA256, e.Pages, e.Behaviours, e.SHA256)
	}
	c.kept = e.Kept
	return nil
}
