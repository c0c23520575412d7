package harness

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// Sum is the expected total of one page. Minutes are in units of 10^-9: 64 bits hold those of
// six million maximum behaviours, and Add refuses more.
type Sum struct {
	Clicks, Minutes, Likes, Behaviours int64
}

// Recount is the expected content of the table and the board. It is fast enough to run while
// millions of messages are sent, with as many pages.
type Recount struct {
	// Pages are all pages that were sent.
	Pages map[string]*Sum
	// Counted is the number of behaviours.
	Counted int64
}

// NewRecount returns a recount of nothing.
func NewRecount() *Recount { return &Recount{Pages: make(map[string]*Sum)} }

// minuteDecimals is the precision of minutes in decimals.
const minuteDecimals = 9

// heatDecimals is the number of decimals of the heat with default weights.
const heatDecimals = minuteDecimals + 1

func powerOfTen(n int) *big.Int {
	return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil)
}

// Add counts a behaviour, a given number of times. It must be valid: an error is a mistake of
// the caller.
func (r *Recount) Add(message []byte, times int64) error {
	page, fields, err := split(message)
	if err != nil {
		return fmt.Errorf("recounting %q: %w", message, err)
	}
	s := r.Pages[page]
	if s == nil {
		s = &Sum{}
	}
	next := *s
	sums := [...]*int64{&next.Clicks, &next.Minutes, &next.Likes}
	for i, decimals := range [...]int{0, minuteDecimals, 0} {
		n, err := scaled(fields[i], decimals)
		if err != nil {
			return fmt.Errorf("recounting %q: %w", message, err)
		}
		const most = math.MaxInt64 / 2
		if n != 0 && times > (most-abs(*sums[i]))/abs(n) {
			return fmt.Errorf("recounting %q, %d times: the sums of page %q are too large", message, times, page)
		}
		*sums[i] += n * times
	}
	next.Behaviours += times
	r.Counted += times
	*s = next
	r.Pages[page] = s
	return nil
}

func abs(n int64) int64 { return max(n, -n) }

// AddLines counts a text with one behaviour per line, a given number of times.
func (r *Recount) AddLines(text []byte, times int64) error {
	for line := range bytes.Lines(text) {
		if err := r.Add(line, times); err != nil {
			return err
		}
	}
	return nil
}

// split splits a valid behaviour, text or JSON, into its page, clicks, minutes and likes.
func split(message []byte) (page string, fields [3]string, err error) {
	if message = bytes.TrimLeft(message, " \t\r\n"); bytes.HasPrefix(message, []byte{'{'}) && json.Valid(message) {
		var b struct {
			Page                  string
			Clicks, Minutes, Like json.Number
		}
		if err := json.Unmarshal(message, &b); err != nil {
			return "", fields, err
		}
		if b.Like == "" {
			b.Like = "0"
		}
		return b.Page, [...]string{string(b.Clicks), string(b.Minutes), string(b.Like)}, nil
	}
	rest := strings.TrimRight(string(message), "\r\n")
	if n := strings.Count(rest, "|"); n != len(fields) {
		return "", fields, fmt.Errorf("it has %d fields", n+1)
	}
	page, rest, _ = strings.Cut(rest, "|")
	for i := range fields {
		fields[i], rest, _ = strings.Cut(rest, "|")
		fields[i] = strings.Trim(fields[i], " \t")
	}
	return strings.Trim(page, " \t"), fields, nil
}

// scaled parses a decimal and rounds it half to even to a number of decimals; the result is in
// units of the last one.
func scaled(text string, decimals int) (int64, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	if missing := decimals - len(fraction); missing >= 0 && whole != "" { // nearly always
		if n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", missing), 10, 64); err == nil {
			return n, nil
		}
	}
	return rounded(text, decimals)
}

// rounded is scaled for any notation.
func rounded(text string, decimals int) (int64, error) {
	exact, ok := new(big.Rat).SetString(text)
	if !ok {
		return 0, fmt.Errorf("%q is no number", text)
	}
	exact.Mul(exact, new(big.Rat).SetInt(powerOfTen(decimals)))
	units, rest := new(big.Int).DivMod(exact.Num(), exact.Denom(), new(big.Int)) // rest >= 0
	half := rest.Lsh(rest, 1).Cmp(exact.Denom())
	if half > 0 || half == 0 && units.Bit(0) == 1 {
		units.Add(units, big.NewInt(1))
	}
	if !units.IsInt64() {
		return 0, fmt.Errorf("%q is too large", text)
	}
	return units.Int64(), nil
}

// heat is 0.8 x clicks + 0.8 x minutes + likes, in units of 10^-10.
func (s *Sum) heat() *big.Int {
	sum := new(big.Int).Mul(big.NewInt(s.Clicks), big.NewInt(8e9))
	sum.Add(sum, new(big.Int).Mul(big.NewInt(s.Minutes), big.NewInt(8)))
	return sum.Add(sum, new(big.Int).Mul(big.NewInt(s.Likes), big.NewInt(1e10)))
}

// decimal formats a number of units of 10^-decimals without trailing zeros.
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

// Page returns the expected page; a page that was never sent is empty.
func (r *Recount) Page(name string) Page {
	s := r.Pages[name]
	if s == nil {
		return Page{Page: name}
	}
	number := func(n int64) json.Number { return json.Number(strconv.FormatInt(n, 10)) }
	return Page{
		Page:       name,
		Heat:       json.Number(decimal(s.heat(), heatDecimals)),
		Clicks:     number(s.Clicks),
		Minutes:    json.Number(decimal(big.NewInt(s.Minutes), minuteDecimals)),
		Likes:      number(s.Likes),
		Behaviours: number(s.Behaviours),
	}
}

// hotter compares pages: by heat, then by name.
func hotter(a, b ranked) int { return cmp.Or(b.heat.Cmp(a.heat), strings.Compare(a.name, b.name)) }

type ranked struct {
	name string
	heat *big.Int
}

// Names returns the pages, hottest first.
func (r *Recount) Names() []string {
	all := make([]ranked, 0, len(r.Pages))
	for name, s := range r.Pages {
		all = append(all, ranked{name, s.heat()})
	}
	slices.SortFunc(all, hotter)
	names := make([]string, len(all))
	for i, page := range all {
		names[i] = page.name
	}
	return names
}

// Top returns the hottest pages as a board shows them, without history. It makes one pass,
// because there may be millions of pages.
func (r *Recount) Top(n int) []Page {
	var hottest []ranked // until now, in order
	for name, s := range r.Pages {
		page := ranked{name, s.heat()}
		if len(hottest) == n && hotter(page, hottest[n-1]) > 0 {
			continue
		}
		at, _ := slices.BinarySearchFunc(hottest, page, hotter)
		hottest = slices.Insert(hottest, at, page)
		hottest = hottest[:min(n, len(hottest))]
	}
	top := make([]Page, len(hottest))
	for i := range top {
		top[i] = r.Page(hottest[i].name)
		top[i].Rank = i + 1
	}
	return top
}
