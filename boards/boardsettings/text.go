package boardsettings

import (
	"errors"
	"fmt"
	"strings"

	"pageheat/boards"
)

// Parse reads boards that are used beside each other, each on one line: its name and then settings
// without spaces, such as
//
//	hour kind=window window=1h size=20
//	sport kind=trending half-life=2h include=/sport/.*
//
// include and exclude may be given several times. The error joins all that is wrong, each with its board.
func Parse(lines []string, defaults Defaults) ([]boards.Definition, error) {
	var errs []error
	written := make([]board, 0, len(lines))
	for _, line := range lines {
		words := strings.Fields(line)
		if len(words) == 0 || strings.Contains(words[0], "=") {
			errs = append(errs, fmt.Errorf("%q: must begin with the name of the board, such as 'hour kind=window window=1h'", line))
			continue
		}
		b := board{name: words[0]}
		for _, word := range words[1:] {
			setting, text, ok := strings.Cut(word, "=")
			if !ok {
				errs = append(errs, fmt.Errorf("board %q: %q: must be a setting and its value, such as kind=window", b.name, word))
				continue
			}
			b.values = append(b.values, value{setting, text})
		}
		written = append(written, b)
	}
	// A board that could not be read would be told that settings are missing.
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return defineAll(written, defaults)
}

// Split separates boards that are written in one text, such as an environment variable: each on a line of
// its own, or with a semicolon and a space between them. Empty lines are left out.
func Split(text string) []string {
	var lines []string
	for line := range strings.Lines(strings.ReplaceAll(text, "; ", "\n")) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}
