package store

import (
	"pageheat/codec"
	"pageheat/heat"
)

// labels are what the pages of a partition are called: the newest label of each. A page without one takes no
// memory here. Labels never change; a newer one takes the place of another. The partition's lock protects them.
type labels struct {
	of    map[*heat.Page]*codec.StampedLabel
	bytes int // of them, about

	shown      map[string]codec.Label // see show
	shownBytes int
}

const (
	// labelBytes is what a label takes in memory besides its texts, about.
	labelBytes = 128
	// mostShownBytes is the maximum size of the labels of leaders, which have to fit one message with the names of
	// the pages. It is enough for 300 of the longest labels, and for thousands of usual ones.
	mostShownBytes = 1 << 20
)

func sizeOf(l *codec.StampedLabel) int {
	if l == nil {
		return 0
	}
	return labelBytes + len(l.Title) + len(l.URL)
}

// get returns the label of a page, nil if it has none.
func (l *labels) get(pg *heat.Page) *codec.StampedLabel { return l.of[pg] }

// set sets the label of a page, none if it is nil.
func (l *labels) set(pg *heat.Page, label *codec.StampedLabel) {
	if label == nil && len(l.of) == 0 {
		return
	}
	l.bytes += sizeOf(label) - sizeOf(l.of[pg])
	if label == nil {
		delete(l.of, pg)
		return
	}
	if l.of == nil {
		l.of = make(map[*heat.Page]*codec.StampedLabel)
	}
	l.of[pg] = label
}

// offer sets the label of a page, if it is newer than what the page has. It returns by how many bytes the label
// has grown.
func (l *labels) offer(pg *heat.Page, label *codec.StampedLabel) (more int) {
	if has := l.of[pg]; has != nil && label.Compare(has.Stamp) <= 0 {
		return 0
	}
	before := l.bytes
	l.set(pg, label)
	return l.bytes - before
}

// show adds the label of a page to those of leaders, until there are too many.
func (l *labels) show(pg *heat.Page) {
	label := l.of[pg]
	if label == nil {
		return
	}
	if _, known := l.shown[pg.Name]; known {
		return
	}
	size := len(pg.Name) + codec.LabelBytes(&label.Label)
	if l.shownBytes+size > mostShownBytes {
		return
	}
	l.shownBytes += size
	if l.shown == nil {
		l.shown = make(map[string]codec.Label)
	}
	l.shown[pg.Name] = label.Label
}

// takeShown returns the labels that were shown since it was called last, nil if there are none.
func (l *labels) takeShown() map[string]codec.Label {
	shown := l.shown
	l.shown, l.shownBytes = nil, 0
	return shown
}
