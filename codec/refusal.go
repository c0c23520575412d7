package codec

import "fmt"

// Code says in one stable word why a message is no valid behaviour. It is written
// to the dead letter's header and names a metric's label.
type Code string

// The codes, in the order in which a message is checked: the first one that
// applies is given. JSON messages are checked for [CodeJSONSyntax] and
// [CodeJSONType] before [CodeFieldCount].
const (
	// CodeEmpty: no bytes, or nothing but blanks and a line ending.
	CodeEmpty Code = "empty"
	// CodeTooLarge: more than [MaxTextBytes], or, of a JSON object, [MaxJSONBytes].
	CodeTooLarge Code = "too-large"
	// CodeNotUTF8: bytes that are not UTF-8.
	CodeNotUTF8 Code = "not-utf8"
	// CodeFieldCount: text that has not exactly four fields, or an object with none
	// of clicks, minutes and like.
	CodeFieldCount Code = "field-count"
	// CodeJSONSyntax: starts with '{' and is not exactly one JSON object.
	CodeJSONSyntax Code = "json-syntax"
	// CodeJSONType: page is not a string, or clicks, minutes or like not a number.
	CodeJSONType Code = "json-type"
	// CodePageEmpty: no page, or nothing but blanks.
	CodePageEmpty Code = "page-empty"
	// CodePageTooLong: a page of more than [MaxPageBytes].
	CodePageTooLong Code = "page-too-long"
	// CodePageCharacters: a page with a control character or, in JSON, a '|'.
	CodePageCharacters Code = "page-characters"
	// CodeClicksNotANumber: clicks not a whole number, an empty field of a text among them.
	CodeClicksNotANumber Code = "clicks-not-a-number"
	// CodeClicksOutOfRange: a whole number below 0 or above the limit.
	CodeClicksOutOfRange Code = "clicks-out-of-range"
	// CodeMinutesNotANumber: minutes not a number.
	CodeMinutesNotANumber Code = "minutes-not-a-number"
	// CodeMinutesOutOfRange: a number below 0 or above the limit.
	CodeMinutesOutOfRange Code = "minutes-out-of-range"
	// CodeLikeNotANumber: like not a whole number.
	CodeLikeNotANumber Code = "like-not-a-number"
	// CodeLikeOutOfRange: a whole number other than -1, 0 and 1.
	CodeLikeOutOfRange Code = "like-out-of-range"
)

// Codes returns all codes, in the order in which they are checked.
func Codes() []Code {
	return []Code{
		CodeEmpty, CodeTooLarge, CodeNotUTF8, CodeFieldCount, CodeJSONSyntax, CodeJSONType,
		CodePageEmpty, CodePageTooLong, CodePageCharacters,
		CodeClicksNotANumber, CodeClicksOutOfRange,
		CodeMinutesNotANumber, CodeMinutesOutOfRange,
		CodeLikeNotANumber, CodeLikeOutOfRange,
	}
}

// Refusal says why a message is no valid behaviour. It is an error, but not a
// failure: the message goes to the dead letters and the stream goes on.
type Refusal struct {
	// Code is the reason, for programs.
	Code Code
	// Detail is the reason in a sentence, for a person. It quotes at most a few
	// dozen bytes of the message.
	Detail string
}

// Error returns the code and the detail.
func (r *Refusal) Error() string { return string(r.Code) + ": " + r.Detail }

func refuse(code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// excerpt returns at most the first 40 bytes of a field, quoted.
func excerpt(field []byte) string {
	const most = 40
	if len(field) > most {
		return fmt.Sprintf("%q...", field[:most])
	}
	return fmt.Sprintf("%q", field)
}
