package boardsettings

import (
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"pageheat/boards"
)

// Object returns a definition as a JSON object, with the same members as [Write] and in their order, and
// without white space: durations, names and patterns are strings, all else is a number. Equal definitions
// with patterns in the same order are equal bytes. The definition must be complete and valid.
func Object(d boards.Definition) jsontext.Value {
	object := []byte{'{'}
	name := func(setting string) {
		if len(object) > 1 {
			object = append(object, ',')
		}
		object = append(object, `"`+setting+`":`...)
	}
	// Names and patterns are valid UTF-8: one that is not does not compile, or is of no zone.
	quote := func(text string) { object, _ = jsontext.AppendQuote(object, text) }
	for _, v := range valuesOf(&d) {
		name(v.setting)
		switch v.setting {
		case "size", "weight-clicks", "weight-minutes", "weight-likes", "max-groups", "max-per-group", "min-behaviours":
			object = append(object, v.text...)
		case "max-per-step":
			object = append(object, plain(v.text)...)
		default:
			quote(v.text)
		}
	}
	for _, list := range patternsOf(&d) {
		name(list.setting)
		object = append(object, '[')
		for i, pattern := range list.patterns {
			if i > 0 {
				object = append(object, ',')
			}
			quote(pattern)
		}
		object = append(object, ']')
	}
	return append(object, '}')
}

// plain returns a decimal without zeros that could be left out: those are no JSON.
func plain(decimal string) string {
	whole, fraction, _ := strings.Cut(decimal, ".")
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if fraction = strings.TrimRight(fraction, "0"); fraction != "" {
		return whole + "." + fraction
	}
	return whole
}
