package codec

import (
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"pageheat/heat"
)

// jsonBehaviour is a behaviour as a JSON object. The members are taken as they are
// written, so that numbers stay exact and a wrong type can be named.
type jsonBehaviour struct {
	Page    jsontext.Value `json:"page"`
	Clicks  jsontext.Value `json:"clicks"`
	Minutes jsontext.Value `json:"minutes"`
	Like    jsontext.Value `json:"like"`
	Title   jsontext.Value `json:"title"`
	URL     jsontext.Value `json:"url"`
}

// parseJSON reads a behaviour from valid UTF-8 that begins with '{', and its label.
func parseJSON(object []byte, l heat.Limits, label *Label) (heat.Behaviour, *Refusal) {
	var o jsonBehaviour
	if err := json.Unmarshal(object, &o, jsontext.AllowDuplicateNames(true)); err != nil {
		return heat.Behaviour{}, refuse(CodeJSONSyntax, "The message starts with '{' but is not one JSON object: %v.", err)
	}
	if len(o.Page) > 0 && o.Page.Kind() != '"' {
		return heat.Behaviour{}, refuse(CodeJSONType, "page must be a JSON string: %s.", excerpt(o.Page))
	}
	given := 0
	for _, member := range []struct {
		name  string
		value *jsontext.Value
	}{{"clicks", &o.Clicks}, {"minutes", &o.Minutes}, {"like", &o.Like}} {
		switch {
		case len(*member.value) == 0 || member.value.Kind() == 'n':
			*member.value = jsontext.Value("0")
		case member.value.Kind() != '0':
			return heat.Behaviour{}, refuse(CodeJSONType, "%s must be a JSON number: %s.", member.name, excerpt(*member.value))
		default:
			given++
		}
	}
	if given == 0 {
		return heat.Behaviour{}, refuse(CodeFieldCount, "The object has none of clicks, minutes and like: %s.", excerpt(object))
	}
	var page []byte
	if len(o.Page) > 0 {
		var err error
		if page, err = jsontext.AppendUnquote(nil, o.Page); err != nil {
			return heat.Behaviour{}, refuse(CodeJSONSyntax, "page is not a JSON string: %v.", err)
		}
	}
	b, refusal := parseFields(trimBlanks(page), o.Clicks, o.Minutes, o.Like, l)
	if refusal == nil && label != nil && (len(o.Title) > 0 || len(o.URL) > 0) {
		*label = NewLabel(unquoted(o.Title), unquoted(o.URL))
	}
	return b, refusal
}

// unquoted is the text of a JSON string; empty if it is none.
func unquoted(value jsontext.Value) string {
	if value.Kind() != '"' {
		return ""
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return ""
	}
	return string(text)
}
