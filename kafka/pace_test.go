package kafka

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestPaceOfFetches follows rates, with a fetch whenever one is due and something came.
func TestPaceOfFetches(t *testing.T) {
	for _, c := range []struct {
		name   string
		every  time.Duration // a record comes
		bytes  int           // of a record
		fewest int           // fetches in five seconds
		most   int
	}{
		{"one record a second", time.Second, 100, 4, 5},
		{"ten records a second", 100 * time.Millisecond, 100, 49, 50},
		{"a hundred records a second", 10 * time.Millisecond, 100, 45, 50},
		{"six hundred records a second", time.Second / 600, 100, 150, 168},
		{"two thousand records a second", 500 * time.Microsecond, 100, 150, 168},
		{"fifty thousand records a second", 20 * time.Microsecond, 40, 2500, 5000},
		{"few large records", 40 * time.Millisecond, 20 << 10, 83, 125},
	} {
		t.Run(c.name, func(t *testing.T) {
			const fetchTakes = time.Millisecond
			p := pace{interval: inputPace, quiet: quietPace}
			begin := time.Unix(1000, 0)
			now, from, fetches := begin.Add(3*time.Millisecond), 0, 0
			for now.Before(begin.Add(10 * time.Second)) {
				came := int(now.Sub(begin) / c.every)
				if came == from { // the broker waits
					now = begin.Add(time.Duration(from+1) * c.every)
					continue
				}
				if now.After(begin.Add(5 * time.Second)) {
					fetches++
				}
				now = p.next((came-from)*c.bytes, now.Add(fetchTakes))
				from = came
			}
			assert.GreaterOrEqual(t, fetches, c.fewest)
			assert.LessOrEqual(t, fetches, c.most)
		})
	}
}

// TestPaceAfterNothing: a fetch that gave nothing has waited already.
func TestPaceAfterNothing(t *testing.T) {
	p := pace{interval: inputPace, quiet: quietPace}
	now := time.Unix(1000, 1)
	assert.Equal(t, now, p.next(0, now))
}

// TestPaceOfABacklog: what has been written for long is read without a pause.
func TestPaceOfABacklog(t *testing.T) {
	p := pace{interval: inputPace, quiet: quietPace}
	now := time.Unix(1000, 1)
	assert.Equal(t, now, p.next(sessionBytes, now))
}
