package collect

import (
	"bytes"
	"fmt"
	"iter"
	"regexp"

	"github.com/go-json-experiment/json/jsontext"

	"pageheat/codec"
)

// ReasonPageNotAllowed is the one reason of a [Refusal] that is not a code of
// package codec: the page does not match [Config.AllowPages].
const ReasonPageNotAllowed = "page-not-allowed"

// maxListed is how many refused behaviours an answer lists.
const maxListed = 100

// Refusal is a behaviour that was not taken.
type Refusal struct {
	// Line is its number in the request, from 1: of the line, or of the element of
	// an array.
	Line int `json:"line"`
	// Reason is a code of package codec, or ReasonPageNotAllowed.
	Reason string `json:"reason"`
	// Detail says it in a sentence.
	Detail string `json:"detail"`
}

// Batch is the behaviours of one request.
type Batch struct {
	// Refused are those that are not valid, the first maxListed of them.
	Refused []Refusal
	// RefusedInAll is how many they are.
	RefusedInAll int

	valid   [][]byte       // encoded for the input topic
	reasons map[string]int // how often each was why one was refused
}

// Valid is how many behaviours are valid.
func (b *Batch) Valid() int { return len(b.valid) }

// Len is how many behaviours there are, valid or not.
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

// byteOrderMark may begin a text; it is not part of it.
const byteOrderMark = "\xEF\xBB\xBF"

// Judge splits a body and judges each behaviour in it. It ends when there are more than
// most. The batch does not refer to the body.
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
		behaviour, refusal := codec.ParseBehaviour(message, c.cfg.Limits)
		switch {
		case refusal != nil:
			batch.refuse(at.number, string(refusal.Code), refusal.Detail)
		case len(behaviour.Page) > c.cfg.MaxPageBytes:
			batch.refuse(at.number, string(codec.CodePageTooLong), fmt.Sprintf("The page's name has %d bytes, the most here is %d.", len(behaviour.Page), c.cfg.MaxPageBytes))
		case c.cfg.AllowPages != nil && !c.cfg.AllowPages.Match(behaviour.Page):
			batch.refuse(at.number, ReasonPageNotAllowed, "The page's name does not match what this site allows (--allow-pages).")
		default:
			start := len(all)
			all = codec.AppendBehaviour(all, behaviour)
			batch.valid = append(batch.valid, all[start:len(all):len(all)])
		}
	}
	return batch
}

// PagePattern reads a regular expression (https://golang.org/s/re2syntax) that must
// match the whole name of a page.
func PagePattern(pattern string) (*regexp.Regexp, error) {
	if _, err := regexp.Compile(pattern); err != nil {
		return nil, err // speaks of the pattern as it was given
	}
	return regexp.Compile(`\A(?:` + pattern + `)\z`)
}

// position says which message of a request is meant.
type position struct {
	number  int  // of the line or element, from 1
	element bool // of a JSON array
}

// messages gives the messages of a body. A body that is one JSON value is an array
// of behaviours or one behaviour; any other has one on each line, and empty lines
// are ignored.
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

// elements gives the elements of a valid JSON array, each until the next one.
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
