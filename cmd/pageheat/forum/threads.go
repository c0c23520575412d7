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
	// Path is its address, and its page's name: what the script counts it as.
	Path string
	// Title is what a person reads.
	Title string
	// Section is the part of the forum that it is in.
	Section string
}

// Threads returns the threads of the forum, the same list each time: one hundred, in
// no order. The caller owns the list.
func Threads() []Thread {
	var threads []Thread
	for line := range strings.Lines(threadList) {
		section, title, _ := strings.Cut(strings.TrimSpace(line), "|")
		threads = append(threads, Thread{Path + slug(title), title, section})
	}
	return threads
}

// Part returns a thread that continues this one, for those who need more threads
// than there are titles: "part 2" for 1, and so on. For 0 it is the thread itself.
func (t Thread) Part(n int) Thread {
	if n > 0 {
		number := strconv.Itoa(n + 1)
		t.Path += "-part-" + number
		t.Title += ", part " + number
	}
	return t
}

// slug makes a title a segment of an address: letters and digits in lower case, and
// hyphens between.
func slug(title string) string {
	words := strings.FieldsFunc(strings.ToLower(title), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	return strings.Join(words, "-")
}
