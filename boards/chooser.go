package boards

// Chooser says which pages may be on a board, and which group they are in. Every [Board] has one; a board
// of all time, which is counted elsewhere, has only this. It does not change, and may be used by several
// goroutines.
type Chooser struct {
	include, exclude []Pattern
	grouped          bool
	grouping         Grouping
	calendar         *calendar // whose periods are no groups
}

// NewChooser returns the chooser of a definition, which must be valid.
func NewChooser(d Definition) (Chooser, error) {
	var c Chooser
	var err error
	if c.include, err = patterns(d.Include); err != nil {
		return Chooser{}, err
	}
	if c.exclude, err = patterns(d.Exclude); err != nil {
		return Chooser{}, err
	}
	if c.grouped = d.GroupBy != ""; c.grouped {
		if c.grouping, err = NewGrouping(d.GroupBy); err != nil {
			return Chooser{}, err
		}
	}
	if d.Kind == Calendar {
		c.calendar = newCalendar(d)
	}
	return c, nil
}

func patterns(list []string) ([]Pattern, error) {
	made := make([]Pattern, len(list))
	for i, text := range list {
		var err error
		if made[i], err = NewPattern(text); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// Has reports whether a page may be on the board: whether Include and Exclude allow it.
func (c *Chooser) Has(page string) bool {
	for _, pattern := range c.exclude {
		if pattern.Matches(page) {
			return false
		}
	}
	for _, pattern := range c.include {
		if pattern.Matches(page) {
			return true
		}
	}
	return len(c.include) == 0
}

// Group returns the group of a page; ok is false if it has none, see [Grouping.Group]. A text that
// is the name of a period of the board is none either: both would have the same key.
func (c *Chooser) Group(page string) (group string, ok bool) {
	if !c.grouped {
		return "", false
	}
	group, ok = c.grouping.Group(page)
	if ok && c.calendar != nil {
		if _, isPeriod := c.calendar.named(group); isPeriod {
			return "", false
		}
	}
	return group, ok
}
