package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/heat"
	"pageheat/store"
)

// finalsWorld is a partition with a page in each hour, and what it sends.
type finalsWorld struct {
	*testing.T
	p   *store.Partition
	now time.Time
	to  int64
}

func newFinalsWorld(t *testing.T, all ...boards.Definition) *finalsWorld {
	w := &finalsWorld{T: t, now: time.Date(2026, 1, 2, 13, 10, 0, 0, time.UTC), to: -1,
		p: store.New(store.Config{ID: part, Partitions: parts, Top: 3, Boards: boardsOf(t, all...)})}
	w.p.Begin(behavior(), 0)
	w.p.StartBoards()
	return w
}

// at brings the boards to a later time, and makes the final boards.
func (w *finalsWorld) at(later time.Duration) {
	w.now = w.now.Add(later)
	for more := true; more; {
		_, more = w.p.Advance(w.now)
	}
}

// count counts a behaviour of each page.
func (w *finalsWorld) count(pages ...string) {
	h := codec.RangeHeader{Input: input(), Targets: parts, Target: part, From: w.to, To: w.to + int64(len(pages)), Minute: boards.MinuteOf(w.now), Limits: heat.DefaultLimits()}
	message := codec.AppendRangeHeader(nil, h, len(pages))
	for _, page := range pages {
		message = codec.AppendPageSum(message, page, &heat.Totals{Behaviours: 1})
	}
	progress, _ := w.p.Progress()
	_, err := w.p.Apply(message, progress.Next)
	require.NoError(w, err)
	w.to = h.To
}

func (w *finalsWorld) commit() {
	if c := w.p.Checkpoint(); c != nil {
		for more := true; more; {
			_, _, more = c.Next(nil)
		}
		c.Committed(1)
	}
}

// sent are the final boards of the next leaders, as NAME/PERIOD, and the size of the leaders.
func (w *finalsWorld) sent() (finals []string, size int) {
	var l codec.Leaders
	w.p.Leaders(&l)
	for _, b := range l.Boards {
		if b.Final {
			finals = append(finals, b.Name+"/"+b.AsOf.Time().UTC().Format("15"))
		}
	}
	return finals, len(codec.AppendLeaders(nil, &l))
}

func hourly(name string, size int) boards.Definition {
	return boards.Definition{Name: name, Kind: boards.Calendar, Period: boards.Hour, Size: size}
}

// Final boards are sent when the period is committed, and once a minute, but not after every commit.
func TestFinalBoardsAreSentOnceAMinute(t *testing.T) {
	w := newFinalsWorld(t, hourly("hour", 3))
	w.at(0)
	w.count("a")
	w.commit()
	w.at(time.Hour)
	w.sent() // what was closed before
	w.commit()
	finals, _ := w.sent()
	require.Contains(t, finals, "hour/13")
	for range 3 {
		w.count("b")
		w.commit()
		finals, _ = w.sent()
		assert.Empty(t, finals, "nothing else is closed")
	}
	w.at(time.Minute)
	finals, _ = w.sent()
	assert.Contains(t, finals, "hour/13", "again: nobody says that they have arrived")
	w.count("c")
	w.commit()
	finals, _ = w.sent()
	assert.Empty(t, finals)
}

// A day of the largest hours is sent with many leaders, in order, and every board has its turn.
func TestFinalBoardsFitTheLeaders(t *testing.T) {
	w := newFinalsWorld(t, hourly("hour", boards.MaxSize), hourly("other", 10))
	pages := make([]string, boards.MaxSize)
	for i := range pages {
		pages[i] = fmt.Sprintf("%0*d", codec.MaxPageBytes, i)
	}
	w.at(0)
	for range 24 {
		w.count(pages...)
		w.at(time.Hour)
	}
	w.commit()
	var all []string
	for {
		finals, size := w.sent()
		require.Less(t, size, 3<<20)
		if all = append(all, finals...); len(finals) == 0 {
			break
		}
	}
	for _, name := range []string{"hour", "other"} {
		var hours []string
		for _, sent := range all {
			if hour, of := strings.CutPrefix(sent, name+"/"); of {
				hours = append(hours, hour)
			}
		}
		require.GreaterOrEqual(t, len(hours), 24, name)
		for i := range hours[1:] {
			was, err := time.Parse("15", hours[i])
			require.NoError(t, err)
			assert.Equal(t, was.Add(time.Hour).Format("15"), hours[i+1], "%s: oldest first", name)
		}
	}
	w.at(time.Minute)
	first, _ := w.sent()
	second, _ := w.sent()
	require.Len(t, first, 1)
	require.Len(t, second, 1)
	require.NotEqual(t, first, second, "they are on the way")

	require.NoError(t, w.p.Forget(&codec.Forget{ID: codec.RequestID{1}, Page: pages[0], Hash: codec.HashPage(pages[0])}, codec.TopicID{9}, 0))
	w.commit()
	w.at(0)
	again, _ := w.sent()
	assert.Equal(t, first, again, "without the forgotten page")
}
