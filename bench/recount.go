package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"pageheat/integration/harness"
)

// sum is what one page has to have. Minutes are in units of 10^-9: 64 bits hold
// those of a billion simulated messages.
type sum struct {
	clicks, minutes, likes, behaviours int64
}

// recount is what has to come out, from the messages that were sent. It shares no
// code with the program, and is quick enough to be made while they are sent.
type recount struct {
	pages   map[string]*sum
	counted int64
}

func newRecount() *recount { return &recount{pages: make(map[string]*sum)} }

// add counts a message of the simulator.
func (r *recount) add(message []byte) error {
	page, rest, _ := bytes.Cut(message, []byte{'|'})
	clicks, rest, _ := bytes.Cut(rest, []byte{'|'})
	minutes, like, found := bytes.Cut(rest, []byte{'|'})
	c, err := strconv.ParseInt(string(clicks), 10, 64)
	if err != nil || !found {
		return fmt.Errorf("recounting %q: it is no message of the simulator", message)
	}
	m, err := nanominutes(string(minutes))
	if err != nil {
		return fmt.Errorf("recounting %q: minutes: %w", message, err)
	}
	l, err := strconv.ParseInt(string(like), 10, 64)
	if err != nil {
		return fmt.Errorf("recounting %q: like: %w", message, err)
	}
	s := r.pages[string(page)]
	if s == nil {
		s = &sum{}
		r.pages[string(page)] = s
	}
	s.clicks += c
	s.minutes += m
	s.likes += l
	s.behaviours++
	r.counted++
	return nil
}

// minuteDecimals is how many decimals of a minute count.
const minuteDecimals = 9

// nanominutes reads a decimal in units of 10^-9, rounded half to even.
func nanominutes(text string) (int64, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	if len(fraction) <= minuteDecimals && !strings.ContainsAny(text, "eE-+") {
		return strconv.ParseInt(whole+fraction+strings.Repeat("0", minuteDecimals-len(fraction)), 10, 64)
	}
	exact, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, fmt.Errorf("%q is no number", text)
	}
	exact.Mul(exact, new(big.Rat).SetInt64(1e9))
	units, rest := new(big.Int).DivMod(exact.Num(), exact.Denom(), new(big.Int))
	half := rest.Lsh(rest, 1).Cmp(exact.Denom())
	if half > 0 || half == 0 && units.Bit(0) == 1 {
		units.Add(units, big.NewInt(1))
	}
	return units.Int64(), nil
}

// heat is 0.8 x clicks + 0.8 x minutes + likes, in units of 10^-10.
func (s *sum) heat() int64 { return s.clicks*8e9 + s.minutes*8 + s.likes*1e10 }

// page is what a page has to look like.
func (s *sum) page(name string) harness.Page {
	number := func(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }
	return harness.Page{Page: name,
		Heat:    decimal(s.heat(), minuteDecimals+1),
		Clicks:  number(s.clicks),
		Minutes: decimal(s.minutes, minuteDecimals), Likes: number(s.likes),
		Behaviours: number(s.behaviours),
	}
}

// decimal writes a number of units of 10^-decimals without trailing zeros.
func decimal(units int64, decimals int) json.Number {
	digits, sign := strconv.FormatInt(units, 10), ""
	if units < 0 {
		digits, sign = digits[1:], "-"
	}
	if missing := decimals + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	text := sign + digits[:len(digits)-decimals]
	if fraction := strings.TrimRight(digits[len(digits)-decimals:], "0"); fraction != "" {
		text += "." + fraction
	}
	return json.Number(text)
}

// top are the hottest pages in order, as a board shows them, without history. It
// goes through all pages once: there may be millions, of which few are wanted.
func (r *recount) top(n int) []harness.Page {
	order := func(a, b string) int {
		return cmp.Or(cmp.Compare(r.pages[b].heat(), r.pages[a].heat()), strings.Compare(a, b))
	}
	var names []string // the hottest until now, in order
	for name := range r.pages {
		if len(names) == n && order(name, names[n-1]) > 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(names, name, order)
		names = slices.Insert(names, at, name)
		names = names[:min(n, len(names))]
	}
	pages := make([]harness.Page, len(names))
	for i := range pages {
		pages[i] = r.pages[names[i]].page(names[i])
		pages[i].Rank = i + 1
	}
	return pages
}

// compareBoard says in what a board of ten pages differs.
func (r *recount) compareBoard(b *harness.Board) []string {
	return r.compareBoardOf(b, harness.DefaultTop)
}

// compareBoardOf says in what a board of so many pages differs.
func (r *recount) compareBoardOf(b *harness.Board, pages int) []string {
	var wrong []string
	if b.Counted != r.counted {
		wrong = append(wrong, fmt.Sprintf("the board counts %d behaviours instead of %d", b.Counted, r.counted))
	}
	want := r.top(pages)
	if len(b.Pages) != len(want) {
		return append(wrong, fmt.Sprintf("the board has %d pages instead of %d", len(b.Pages), len(want)))
	}
	for i := range want {
		got := b.Pages[i]
		got.PreviousRank, got.RankSince = 0, ""
		if got != want[i] {
			wrong = append(wrong, fmt.Sprintf("rank %d is %+v instead of %+v", i+1, got, want[i]))
		}
	}
	return wrong
}

// digest is a number that stands for all pages' sums, in any order: two recounts
// with the same digest are the same. It is how a process that has counted in
// memory shows that it is right.
func (r *recount) digest() uint64 {
	var all uint64
	var buf []byte
	for name, s := range r.pages {
		buf = append(buf[:0], name...)
		for _, n := range []int64{s.clicks, s.minutes, s.likes, s.behaviours} {
			buf = strconv.AppendInt(append(buf, '|'), n, 10)
		}
		h := fnv.New64a()
		_, _ = h.Write(buf) // a hash never fails
		all += h.Sum64()
	}
	return all
}
