package boardsettings

import (
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
// include and exclude may be given several times. The error joins all that is wrong.
func Parse(lines []string, defaults Defaults) ([]boards.Definition, error) {
	written := make([]board, 0, len(lines))
	for _, line := range lines {
		words := strings.Fields(line)
		if len(words) == 0 || strings.Contains(words[0], "=") {
			return nil, fmt.Errorf("%q: must begin with the name of the board, such as 'hour kind=window window=1h'", line)
		}
		b := board{name: words[0]}
		for _, word := range words[1:] {
			setting, text, ok := strings.Cut(word, "=")
			if !ok {
				return nil, fmt.Errorf("board %q: %q: must be a setting and its value, such as kind=window", b.name, word)
			}
			b.values = append(b.values, value{setting, text})
		}
		written = append(written, b)
	}
	return defineAll(written, defaults)
}
