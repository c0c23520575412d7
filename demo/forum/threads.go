package forum

import (
	_ "embed" // for threads.txt
	"strconv"
	"strings"
)

//go:embed threads.txt
var threadList string

// Path is where the demo serves the forum.
const Path = "/forum/"

// Thread is a thread of the forum.
type Thread struct {
	// Path is its path and its page name.
	Path string
	// Title is its title.
	Title string
	// Section is its section of the forum.
	Section string
}

// Threads returns the one hundred threads of the forum, always the same list, in no particular
// order. The caller owns the list.
func Threads() []Thread {
	var threads []Thread
	for line := range strings.Lines(threadList) {
		section, title, _ := strings.Cut(strings.TrimSpace(line), "|")
		threads = append(threads, Thread{Path + slug(title), title, section})
	}
	return threads
}

// Part returns a thread that continues this one, if more threads are needed than there are
// titles: "part 2" for 1, and so on. For 0 it is the thread itself.
func (t Thread) Part(n int) Thread {
	if n > 0 {
		number := strconv.Itoa(n + 1)
		t.Path += "-part-" + number
		t.Title += ", part " + number
	}
	return t
}

// partOf splits the path of a part into the path of its thread and the number of the part, 0 if
// it is not a part.
func partOf(path string) (thread string, part int) {
	first, digits, _ := strings.Cut(path, "-part-")
	n, err := strconv.ParseUint(digits, 10, 31)
	if err != nil || n < 2 || digits[0] == '0' {
		return path, 0
	}
	return first, int(n) - 1
}

// slug turns a title into a path segment: lower-case letters and digits, separated by hyphens.
func slug(title string) string {
	words := strings.FieldsFunc(strings.ToLower(title), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strings.Join(words, "-")
}
