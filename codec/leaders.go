package codec

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"pageheat/boards"
	"pageheat/heat"
)

// Leaders of a partition that has taken no request to forget a page have another version, as its progress has. So have
// those without closings.
const (
	leadersVersion       = 3
	leadersForgetVersion = 4
	leadersClosedVersion = 5 // with closings; requests may be there or not
)

const (
	leadersGrouped = 1 << 0 // flags of a board
	leadersFinal   = 1 << 1
	leadersTurning = 1 << 2
	leadersClosed  = 1 << 3 // with its closing
)

// Leader is one of a partition's hottest pages.
type Leader struct {
	// Page is the page's name.
	Page string
	// Totals are the sums over its behaviours.
	Totals heat.Totals
}

// Leaders are the hottest pages of one partition of the heat table, with how far
// it has counted. They are what is in memory, ahead of the committed table.
type Leaders struct {
	// Partition is the partition of the heat table, from 0.
	Partition int32
	// Progress is how far it has counted.
	Progress
	// Definition is what Pages were chosen by.
	Definition Definition
	// Pages are the hottest pages, hottest first.
	Pages []Leader
	// Boards are those of further boards.
	Boards []BoardLeaders
	// Labels are those of Pages and of the pages of Boards, by the page's name; nil if none has one.
	Labels map[string]Label
}

// BoardLeaders are the hottest pages of a partition on a further board.
type BoardLeaders struct {
	// Name is the board's name, and Hash the hash of its definition: leaders of another definition must
	// not be merged with these.
	Name, Hash string
	// AsOf is the T that the board was counted as of.
	AsOf boards.Minute
	// Late and Since are those of [BoardProgress].
	Late  uint64
	Since []int64
	// Grouped says that Pages are those of the boards of its groups: the hottest pages of each, group by
	// group. A page's name says which group it is in.
	Grouped bool
	// Final says that Pages are those of a closed period, of which nothing is counted any more. AsOf is the
	// first minute of the period then.
	Final bool
	// Closing is how far the partition had counted when it closed the period. It is nil if that is not known, and if
	// the board is not final.
	Closing *Closing
	// Turning says that the board is not as of AsOf yet, and so has no Pages.
	Turning bool
	// Pages are the hottest pages, encoded: see [AppendBoardPage].
	Pages []byte
}

// BoardLeader is one of a partition's hottest pages on a further board.
type BoardLeader struct {
	// Page is the page's name.
	Page string
	// Sum is what the board has of it.
	Sum boards.Sum
}

// AppendBoardPage appends a page to [BoardLeaders].Pages; hotter ones come first.
func AppendBoardPage(dst []byte, of *boards.Board, page string, s *boards.Sum) []byte {
	return of.AppendSum(appendName(dst, page), s)
}

// DecodeBoardPages reads all that [AppendBoardPage] wrote for the board. Pages is not kept.
func DecodeBoardPages(pages []byte, of *boards.Board) ([]BoardLeader, error) {
	var leaders []BoardLeader
	for rest := pages; len(rest) > 0; {
		r := reader{what: "leaders of board " + of.Definition().Name, b: rest}
		name := r.page()
		if r.err != nil {
			return nil, r.err
		}
		sum, tail, err := of.DecodeSum(rest[r.at:])
		if err != nil {
			return nil, fmt.Errorf("leaders: page %q: %w", name, err)
		}
		leaders = append(leaders, BoardLeader{Page: string(name), Sum: sum})
		rest = tail
	}
	return leaders, nil
}

// AppendLeaders appends l to dst. It does not allocate if dst has room.
func AppendLeaders(dst []byte, l *Leaders) []byte {
	version := byte(leadersVersion)
	switch {
	case hasClosing(l.Boards):
		version = leadersClosedVersion
	case l.Forget.Taken > 0:
		version = leadersForgetVersion
	}
	dst = appendPosition(append(dst, version), &l.Progress)
	if version >= leadersForgetVersion {
		dst = binary.AppendUvarint(dst, l.Forget.Taken)
	}
	dst = binary.AppendUvarint(dst, uint64(l.Partition))
	dst = appendDefinition(dst, &l.Definition)
	dst = binary.AppendUvarint(dst, uint64(len(l.Pages)))
	for i := range l.Pages {
		dst = AppendPageSum(dst, l.Pages[i].Page, &l.Pages[i].Totals)
	}
	dst = binary.AppendUvarint(dst, uint64(len(l.Boards)))
	for i := range l.Boards {
		b := &l.Boards[i]
		dst = appendName(appendName(dst, b.Name), b.Hash)
		var flags byte
		if b.Grouped {
			flags |= leadersGrouped
		}
		if b.Final {
			flags |= leadersFinal
		}
		if b.Turning {
			flags |= leadersTurning
		}
		if b.Closing != nil {
			flags |= leadersClosed
		}
		dst = append(dst, flags)
		dst = binary.AppendUvarint(dst, uint64(b.AsOf))
		dst = binary.AppendUvarint(dst, b.Late)
		dst = appendSince(dst, b.Since)
		if b.Closing != nil {
			dst = appendClosing(dst, b.Closing)
		}
		dst = binary.AppendUvarint(dst, uint64(len(b.Pages)))
		dst = append(dst, b.Pages...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(l.Labels)))
	if len(l.Labels) > 0 {
		for _, page := range slices.Sorted(maps.Keys(l.Labels)) {
			label := l.Labels[page]
			dst = appendLabel(appendName(dst, page), &label)
		}
	}
	return dst
}

// minPageLabelBytes is the least that a page and its label take.
const minPageLabelBytes = 2 + 3

func (r *reader) labels() map[string]Label {
	n := r.count("labels", minPageLabelBytes)
	if n == 0 {
		return nil
	}
	labels, last := make(map[string]Label, n), ""
	for range n {
		page := string(r.page())
		if label := r.label(); r.err == nil && page <= last {
			r.fail("the label of %q comes after that of %q", page, last)
		} else {
			labels[page], last = label, page
		}
	}
	return labels
}

func hasClosing(of []BoardLeaders) bool {
	return slices.ContainsFunc(of, func(b BoardLeaders) bool { return b.Closing != nil })
}

func (r *reader) boardLeaders(version byte) (l BoardLeaders) {
	l.Name, l.Hash = string(r.bytes("name of a board", maxNameBytes)), string(r.bytes("hash of a board", maxNameBytes))
	known := byte(leadersGrouped | leadersFinal | leadersTurning)
	if version >= leadersClosedVersion {
		known |= leadersClosed
	}
	flags := r.flags("board", known)
	l.Grouped, l.Final, l.Turning = flags&leadersGrouped != 0, flags&leadersFinal != 0, flags&leadersTurning != 0
	l.AsOf, l.Late, l.Since = r.minute("as of"), r.number("late"), r.since()
	if flags&leadersClosed != 0 {
		closing := r.closing()
		l.Closing = &closing
	}
	l.Pages = slices.Clone(r.bytes("pages of a board", len(r.b)))
	return l
}

// DecodeLeaders reads what [AppendLeaders] wrote. It allocates once for each slice
// and once for all names, and for labels; b is not kept.
func DecodeLeaders(b []byte) (*Leaders, error) {
	version, r := byte(leadersVersion), newReader("leaders", b, leadersVersion)
	if len(b) > 0 {
		switch b[0] {
		case leadersForgetVersion:
			version, r = b[0], newReader("leaders", b, leadersForgetVersion)
		case leadersClosedVersion:
			version, r = b[0], newReader("leaders", b, leadersClosedVersion)
		}
	}
	p := r.position()
	switch version {
	case leadersForgetVersion:
		p.Forget.Taken = r.taken()
	case leadersClosedVersion:
		p.Forget.Taken = r.number("requests to forget pages")
	}
	l := &Leaders{Partition: r.partition("partition", p.Partitions), Progress: p}
	first := r.at
	definition, words := r.definition()
	if r.err != nil {
		return nil, r.err
	}
	text := string(b[first:])
	definition.Text = text[r.at-len(words)-first : r.at-first]
	l.Definition = definition
	if n := r.count("pages", minPageSumBytes); n > 0 {
		l.Pages = make([]Leader, n)
		for i := range l.Pages {
			page := r.page()
			l.Pages[i].Page = text[r.at-len(page)-first : r.at-first]
			l.Pages[i].Totals = r.totals()
			r.possible(&l.Pages[i].Totals, heat.DefaultLimits())
			if r.err != nil {
				break
			}
		}
	}
	if n := r.count("boards", minBoardBytes); n > 0 {
		l.Boards = make([]BoardLeaders, n)
		for i := range l.Boards {
			l.Boards[i] = r.boardLeaders(version)
		}
	}
	if version == leadersClosedVersion && r.err == nil && !hasClosing(l.Boards) {
		r.fail("no closings of boards")
	}
	l.Labels = r.labels()
	if err := r.end(); err != nil {
		return nil, err
	}
	return l, nil
}
