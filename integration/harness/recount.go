package harness

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
)

// Sum is what one page has to be. Minutes are in units of 10^-9.
type Sum struct {
	Clicks, Minutes   *big.Int
	Likes, Behaviours int64
}

// Recount is what the table and the board have to be.
type Recount struct {
	// Pages are all pages that were sent.
	Pages map[string]*Sum
	// Counted is how many behaviours were.
	Counted int64
}

// NewRecount returns a recount of nothing.
func NewRecount() *Recount { return &Recount{Pages: make(map[string]*Sum)} }

// minuteDecimals is how many decimals of a minute count.
const minuteDecimals = 9

// heatDecimals is how many decimals the heat of the default weights has.
const heatDecimals = minuteDecimals + 1

func powerOfTen(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// Add counts a behaviour, so many times. It has to be a valid one: the error is a
// fault of the test.
func (r *Recount) Add(message []byte, times int64) error {
	page, clicks, minutes, like, err := split(message)
	if err != nil {
		return fmt.Errorf("recounting %q: %w", message, err)
	}
	c, err := scaled(clicks, 0)
	if err != nil {
		return fmt.Errorf("recounting %q: clicks: %w", message, err)
	}
	m, err := scaled(minutes, minuteDecimals)
	if err != nil {
		return fmt.Errorf("recounting %q: minutes: %w", message, err)
	}
	l, err := scaled(like, 0)
	if err != nil {
		return fmt.Errorf("recounting %q: like: %w", message, err)
	}
	s := r.Pages[page]
	if s == nil {
		s = &Sum{Clicks: new(big.Int), Minutes: new(big.Int)}
		r.Pages[page] = s
	}
	n := big.NewInt(times)
	s.Clicks.Add(s.Clicks, c.Mul(c, n))
	s.Minutes.Add(s.Minutes, m.Mul(m, n))
	s.Likes += l.Int64() * times
	s.Behaviours += times
	r.Counted += times
	return nil
}

// AddLines counts a text of one behaviour a line, so many times.
func (r *Recount) AddLines(text []byte, times int64) error {
	for line := range bytes.Lines(text) {
		if err := r.Add(line, times); err != nil {
			return err
		}
	}
	return nil
}

// split takes a valid behaviour apart, text or JSON.
func split(message []byte) (page, clicks, minutes, like string, err error) {
	if json.Valid(message) {
		var b struct {
			Page                  string
			Clicks, Minutes, Like json.Number
		}
		if err := json.Unmarshal(message, &b); err != nil {
			return "", "", "", "", err
		}
		if b.Like == "" {
			b.Like = "0"
		}
		return b.Page, string(b.Clicks), string(b.Minutes), string(b.Like), nil
	}
	fields := strings.Split(strings.TrimRight(string(message), "\r\n"), "|")
	if len(fields) != 4 {
		return "", "", "", "", fmt.Errorf("it has %d fields", len(fields))
	}
	for i := range fields {
		fields[i] = strings.Trim(fields[i], " \t")
	}
	return fields[0], fields[1], fields[2], fields[3], nil
}

// scaled reads a decimal and rounds it half to even at so many decimals; the
// result is in units of the last of them.
func scaled(text string, decimals int) (*big.Int, error) {
	exact, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil, fmt.Errorf("%q is no number", text)
	}
	exact.Mul(exact, new(big.Rat).SetInt(powerOfTen(decimals)))
	whole, rest := new(big.Int).DivMod(exact.Num(), exact.Denom(), new(big.Int)) // rest >= 0
	switch rest.Lsh(rest, 1).Cmp(exact.Denom()) {
	case 1:
		whole.Add(whole, big.NewInt(1))
	case 0:
		if whole.Bit(0) == 1 {
			whole.Add(whole, big.NewInt(1))
		}
	}
	return whole, nil
}

// heat is 0.8 x clicks + 0.8 x minutes + likes, in units of 10^-10.
func (s *Sum) heat() *big.Int {
	sum := new(big.Int).Mul(s.Clicks, powerOfTen(minuteDecimals))
	sum.Add(sum, s.Minutes)
	sum.Mul(sum, big.NewInt(8))
	return sum.Add(sum, new(big.Int).Mul(big.NewInt(s.Likes), powerOfTen(heatDecimals)))
}

// decimal writes a number of units of 10^-decimals without trailing zeros.
func decimal(units *big.Int, decimals int) string {
	digits := new(big.Int).Abs(units).String()
	if missing := decimals + 1 - len(digits); missing > 0 {
		digits = strings.Repeat("0", missing) + digits
	}
	text := digits[:len(digits)-decimals]
	if fraction := strings.TrimRight(digits[len(digits)-decimals:], "0"); fraction != "" {
		text += "." + fraction
	}
	if units.Sign() < 0 {
		text = "-" + text
	}
	return text
}

// Page is what a page has to look like; a page that was never sent has nothing.
func (r *Recount) Page(name string) Page {
	s := r.Pages[name]
	if s == nil {
		return Page{Page: name}
	}
	return Page{
		Page:       name,
		Heat:       json.Number(decimal(s.heat(), heatDecimals)),
		Clicks:     json.Number(s.Clicks.String()),
		Minutes:    json.Number(decimal(s.Minutes, minuteDecimals)),
		Likes:      json.Number(fmt.Sprint(s.Likes)),
		Behaviours: json.Number(fmt.Sprint(s.Behaviours)),
	}
}

// Names are the pages, the hottest first.
func (r *Recount) Names() []string {
	return slices.SortedFunc(maps.Keys(r.Pages), func(a, b string) int {
		if order := r.Pages[b].heat().Cmp(r.Pages[a].heat()); order != 0 {
			return order
		}
		return strings.Compare(a, b)
	})
}

// Top are the hottest pages as a board shows them, without history.
func (r *Recount) Top(n int) []Page {
	names := r.Names()
	top := make([]Page, min(n, len(names)))
	for i := range top {
		top[i] = r.Page(names[i])
		top[i].Rank = i + 1
	}
	return top
}
