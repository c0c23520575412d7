package collect

import (
	"bytes"
	"fmt"
	"iter"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"pageheat/codec"
	"pageheat/heat"
)

// ReasonPageNotAllowed is the only reason of a [Refusal] that is not a code of package codec:
// the page does not match [Config.AllowPages].
const ReasonPageNotAllowed = "page-not-allowed"

// maxListed is the maximum number of refused behaviours in an answer.
const maxListed = 100

// Refusal is a behaviour that was refused.
type Refusal struct {
	// Line is its number in the request, from 1: of the line, or of the array element.
	Line int `json:"line"`
	// Reason is a code of package codec, or ReasonPageNotAllowed.
	Reason string `json:"reason"`
	// Detail explains the reason in a sentence.
	Detail string `json:"detail"`
}

// Batch is the behaviours of one request.
type Batch struct {
	// Refused has the first maxListed invalid behaviours.
	Refused []Refusal
	// RefusedInAll is the number of invalid behaviours.
	RefusedInAll int

	valid   [][]byte       // encoded for the input topic
	reasons map[string]int // number of refusals by reason
}

// Valid returns the number of valid behaviours.
func (b *Batch) Valid() int { return len(b.valid) }

// Len returns the number of behaviours, valid or not.
func (b *Batch) Len() int { return len(b.valid) + b.RefusedInAll }

func (b *Batch) refuse(line int, reason, detail string) {
	if b.RefusedInAll++; len(b.Refused) < maxListed {
		b.Refused = append(b.Refused, Refusal{line, reason, detail})
	}
	if b.reasons == nil {
		b.reasons = map[string]int{}
	}
	b.reasons[reason]++
}

// byteOrderMark may start a text; it is not part of it.
const byteOrderMark = "\xEF\xBB\xBF"

// Judge splits a body and validates each behaviour. It stops when there are more than most. The
// batch does not alias the body.
func (c *Collector) Judge(body []byte, most int) *Batch {
	batch := &Batch{}
	var all []byte
	for at, message := range messages(bytes.TrimPrefix(body, []byte(byteOrderMark))) {
		if batch.Len() > most {
			break
		}
		if at.element && message[0] != '{' {
			batch.refuse(at.number, string(codec.CodeJSONType), "An element of the array must be an object.")
			continue
		}
		behaviour, label, refusal := c.parse(message)
		switch {
		case refusal != nil:
			batch.refuse(at.number, string(refusal.Code), refusal.Detail)
		case len(behaviour.Page) > c.cfg.MaxPageBytes:
			batch.refuse(at.number, string(codec.CodePageTooLong), fmt.Sprintf("The page's name has %d bytes, the maximum here is %d.", len(behaviour.Page), c.cfg.MaxPageBytes))
		case c.cfg.AllowPages != nil && !c.cfg.AllowPages.Match(behaviour.Page):
			batch.refuse(at.number, ReasonPageNotAllowed, "The page's name does not match the pages that this site allows (--allow-pages).")
		default:
			start := len(all)
			if label.IsZero() {
				all = codec.AppendBehaviour(all, behaviour)
			} else {
				all = codec.AppendLabelled(all, behaviour, &label)
			}
			batch.valid = append(batch.valid, all[start:len(all):len(all)])
		}
	}
	return batch
}

// parse validates a message, changes the name of the page by the rules, and validates that. Of the addresses that
// visitors send it takes paths alone: a link on a board must not lead to a site that a visitor has chosen.
func (c *Collector) parse(message []byte) (heat.Behaviour, codec.Label, *codec.Refusal) {
	var label codec.Label
	b, refusal := codec.ParseLabelled(message, c.cfg.Limits, &label)
	if !strings.HasPrefix(label.URL, "/") {
		label.URL = ""
	}
	if refusal != nil || c.cfg.PageNames == nil {
		return b, label, refusal
	}
	name := c.cfg.PageNames.Apply(string(b.Page))
	if name == string(b.Page) {
		return b, label, nil
	}
	b.Page = []byte(name)
	b, refusal = codec.ParseBehaviour(codec.AppendBehaviour(nil, b), c.cfg.Limits)
	return b, label, refusal
}

// PagePattern reads a regular expression (https://golang.org/s/re2syntax) that must
// match the whole name of a page.
func PagePattern(pattern string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, err // its error quotes the pattern as given
	}
	return regexp.Compile(`\A(?:` + pattern + `)\z`)
}

// position identifies a message of a request.
type position struct {
	number  int  // of the line or element, from 1
	element bool // of a JSON array
}

// messages yields the messages of a body. A body that is one JSON value is an array of
// behaviours or one behaviour. Any other body has one behaviour per line; empty lines are
// ignored.
func messages(body []byte) iter.Seq2[position, []byte] {
	return func(yield func(position, []byte) bool) {
		trimmed := bytes.TrimSpace(body)
		switch {
		case len(trimmed) == 0:
		case trimmed[0] != '[' && trimmed[0] != '{', !jsontext.Value(trimmed).IsValid(jsontext.AllowDuplicateNames(true)):
			number := 0
			for line := range bytes.Lines(body) {
				number++
				if len(bytes.TrimSpace(line)) > 0 && !yield(position{number: number}, line) {
					return
				}
			}
		case trimmed[0] == '[':
			elements(trimmed, yield)
		default:
			yield(position{number: 1}, trimmed)
		}
	}
}

// elements yields the elements of a valid JSON array; each is valid until the next one.
func elements(array []byte, yield func(position, []byte) bool) {
	decoder := jsontext.NewDecoder(bytes.NewReader(array), jsontext.AllowDuplicateNames(true))
	if _, err := decoder.ReadToken(); err != nil { // the bracket
		return
	}
	for number := 1; decoder.PeekKind() != ']'; number++ {
		element, err := decoder.ReadValue()
		if err != nil || !yield(position{number, true}, element) {
			return
		}
	}
}
