package codec

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"pageheat/boards"
)

// AllTime is the name of the board of all behaviours, which always exists.
const AllTime = "all-time"

// maxBoardPartBytes is the longest name of a group, which is longer than that of any period.
const maxBoardPartBytes = boards.MaxGroupBytes

// BoardKey returns the key of a board in the output topic: its name, and for the board of one group
// or of one closed period a slash and the name of that. An empty part is none.
func BoardKey(name, part string) string {
	if part == "" {
		return name
	}
	return name + "/" + part
}

// SplitBoardKey is the reverse of [BoardKey]. It is false if no board has such a key. The name of a
// board has letters, digits, dots, dashes and underscores only. A part has any characters that are
// printed, but no slash, and is not "." or "..", so that both can be parts of a path.
func SplitBoardKey(key string) (name, part string, ok bool) {
	name, part, parted := strings.Cut(key, "/")
	if !boards.IsName(name) || parted && !isBoardPart(part) {
		return "", "", false
	}
	return name, part, true
}

func isBoardPart(part string) bool {
	return part != "" && part != "." && part != ".." && len(part) <= maxBoardPartBytes && utf8.ValidString(part) &&
		!strings.ContainsFunc(part, func(r rune) bool { return r == '/' || !unicode.IsPrint(r) })
}
