package accesslog

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// at is a time of a test, in seconds.
func at(seconds float64) time.Time {
	return time.Unix(1_800_000_000, 0).Add(time.Duration(seconds * float64(time.Second)))
}

// popped are the behaviours that are decided, as messages.
func popped(s *Visits) (all []string) {
	for b, ok := s.Pop(); ok; b, ok = s.Pop() {
		all = append(all, string(b.Append(nil)))
	}
	return all
}

// told adds views, each as "client page seconds", and returns all behaviours.
func told(t *testing.T, s *Visits, views ...string) (all []string) {
	t.Helper()
	for _, v := range views {
		var client, page string
		var seconds float64
		_, err := fmt.Sscan(v, &client, &page, &seconds)
		require.NoError(t, err)
		s.Add(View{Client: client, Page: page, Time: at(seconds)})
		all = append(all, popped(s)...)
	}
	s.Close()
	return append(all, popped(s)...)
}

func TestDwellTimes(t *testing.T) {
	for name, c := range map[string]struct{ views, want []string }{
		"none":                    {nil, nil},
		"one":                     {[]string{"a /x 0"}, []string{"/x|1|0.5|0"}},
		"two":                     {[]string{"a /x 0", "a /y 41"}, []string{"/x|1|0.6833333|0", "/y|1|0.5|0"}},
		"of two clients":          {[]string{"a /x 0", "b /y 5", "a /z 30"}, []string{"/x|1|0.5|0", "/y|1|0.5|0", "/z|1|0.5|0"}},
		"at most half an hour":    {[]string{"a /x 0", "a /y 1800", "a /z 90000"}, []string{"/x|1|30|0", "/y|1|30|0", "/z|1|0.5|0"}},
		"again":                   {[]string{"a /x 0", "b /x 1", "a /x 3"}, []string{"/x|1|0.05|0", "/x|1|0.5|0", "/x|1|0.5|1"}},
		"at once":                 {[]string{"a /x 0", "a /y 0"}, []string{"/x|1|0|0", "/y|1|0.5|0"}},
		"not in order":            {[]string{"a /x 30", "a /y 0", "a /z 20"}, []string{"/y|1|0.3333333|0", "/z|1|0.1666667|0", "/x|1|0.5|0"}},
		"parts of seconds":        {[]string{"a /x 0", "a /y 0.000003", "a /z 0.000012"}, []string{"/x|1|0|0", "/y|1|0.0000002|0", "/z|1|0.5|0"}},
		"half to even":            {[]string{"a /x 0", "a /y 0.000009", "a /z 0.000018"}, []string{"/x|1|0.0000002|0", "/y|1|0.0000002|0", "/z|1|0.5|0"}},
		"much too late":           {[]string{"a /x 0", "a /y 600", "a /z 1200", "a /w 300"}, []string{"/x|1|10|0", "/y|1|10|0", "/z|1|0.5|0", "/w|1|5|0"}},
		"much too late, by other": {[]string{"a /x 1200", "b /y 2000", "c /z 0"}, []string{"/x|1|0.5|0", "/z|1|0.5|0", "/y|1|0.5|0"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := told(t, &Visits{}, c.views...)
			if name == "much too late" {
				slices.Sort(got)
				slices.Sort(c.want)
			}
			assert.Equal(t, c.want, got)
		})
	}
}

func TestLateViewsAreCounted(t *testing.T) {
	s := &Visits{}
	told(t, s, "a /x 0", "a /y 60", "a /z 0", "a /w 121", "b /x 60")
	assert.EqualValues(t, 1, s.Late)
}

func TestAVisitIsOver(t *testing.T) {
	const timeout = 100 * time.Second
	// A view after exactly that time still belongs to the visit.
	assert.Equal(t, []string{"/x|1|1.6666667|0", "/y|1|0.5|0", "/z|1|0.5|0"},
		told(t, &Visits{Timeout: timeout}, "a /x 0", "a /y 100", "a /z 200.001"))

	s := &Visits{Timeout: timeout}
	add := func(client string, seconds float64) []string {
		s.Add(View{Client: client, Page: "/" + client, Time: at(seconds)})
		return popped(s)
	}
	assert.Empty(t, add("a", 0))
	assert.Empty(t, add("b", 64))
	assert.Empty(t, add("c", 140), "an earlier view may come within the minute")
	assert.Equal(t, []string{"/a|1|0.5|0"}, add("d", 222), "c and b may come back")
	// Nobody comes any more.
	s.Idle(time.Second)
	assert.Empty(t, popped(s))
	s.Idle(5 * time.Second)
	assert.Equal(t, []string{"/b|1|0.5|0"}, popped(s))
	s.Idle(3 * time.Minute)
	assert.Equal(t, []string{"/c|1|0.5|0", "/d|1|0.5|0"}, popped(s))
	assert.Empty(t, s.last)
	assert.Zero(t, s.bytes)
	// A new view of a client who was away.
	assert.Empty(t, add("a", 1000))
	s.Close()
	assert.Equal(t, []string{"/a|1|0.5|1"}, popped(s))
}

func TestIdleBeforeTheFirstView(t *testing.T) {
	s := &Visits{Timeout: time.Second}
	s.Idle(time.Hour)
	assert.Empty(t, popped(s))
}

// expected is what views must give, by another way: sorted, and then each looks for its next one.
func expected(views []View, timeout time.Duration) (all []string) {
	sorted := slices.Clone(views)
	slices.SortStableFunc(sorted, func(a, b View) int { return a.Time.Compare(b.Time) })
	for i, v := range sorted {
		b := Behaviour{Page: v.Page, Minutes: LastMinutes()}
		for _, next := range sorted[i+1:] {
			if next.Client != v.Client {
				continue
			}
			if d := next.Time.Sub(v.Time); timeout == 0 || d <= timeout {
				b.Minutes = minutesOf(d)
			}
			break
		}
		for _, before := range sorted[:i] {
			if before.Client == v.Client && before.Page == v.Page {
				b.Like = 1
			}
		}
		all = append(all, string(b.Append(nil)))
	}
	return all
}

// TestVisitsAreAsIfAllWereKnown: whenever views are popped, and in whatever order within a minute
// they come.
func TestVisitsAreAsIfAllWereKnown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &Visits{Timeout: time.Duration(rapid.SampledFrom([]int{0, 30, 90}).Draw(t, "timeout")) * time.Second}
		var views []View
		now := 0
		var got []string
		for range rapid.IntRange(0, 60).Draw(t, "views") {
			now += rapid.IntRange(0, 100).Draw(t, "later")
			v := View{
				Client: rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "client"),
				Page:   rapid.SampledFrom([]string{"/x", "/y"}).Draw(t, "page"),
				Time:   at(float64(now - rapid.IntRange(0, 60).Draw(t, "disorder"))),
			}
			views = append(views, v)
			s.Add(v)
			if rapid.Bool().Draw(t, "pop") {
				got = append(got, popped(s)...)
			}
		}
		s.Close()
		got = append(got, popped(s)...)
		require.Equal(t, expected(views, s.Timeout), got)
		require.Zero(t, s.Late)
		require.Zero(t, s.Forced)
	})
}

// TestWaitingIsBounded: however many clients there are.
func TestWaitingIsBounded(t *testing.T) {
	const views, most = 20_000, 2 << 20
	s := &Visits{Waiting: most}
	n, peak := 0, 0
	for i := range views {
		s.Add(View{Client: fmt.Sprintf("client%d", i), Page: strings.Repeat("x", 100), Time: at(float64(i) / 100)})
		n += len(popped(s))
		peak = max(peak, s.bytes)
	}
	assert.Less(t, peak, most+1000)
	assert.Greater(t, peak, most/2)
	assert.EqualValues(t, n, s.Forced)
	assert.Positive(t, n)
	s.Close()
	n += len(popped(s))
	assert.Equal(t, views, n)
}

// TestBytesOfAView: a waiting view takes no more than it is said to.
func TestBytesOfAView(t *testing.T) {
	const views = 50_000
	s := &Visits{}
	before := heapBytes()
	for i := range views {
		s.Add(View{Client: fmt.Sprintf("192.0.%d.%d", i>>8, i&255), Page: fmt.Sprintf("/t/%d", i), Time: at(float64(i))})
	}
	// What is remembered of pairs has a bound of its own.
	s.seen = seen{}
	taken := heapBytes() - before
	t.Logf("%d bytes a view, %d by the count", taken/views, s.bytes/views)
	assert.Less(t, taken, s.bytes)
	assert.Greater(t, taken, s.bytes/2)
	runtime.KeepAlive(s)
}

func heapBytes() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestSeenForgetsTheOldest(t *testing.T) {
	s := seen{most: 100}
	page := func(i int) string { return fmt.Sprint("/", i) }
	for i := range 1050 {
		require.False(t, s.add("a", page(i)))
		require.LessOrEqual(t, len(s.newer)+len(s.older), 200)
	}
	for i := 950; i < 1050; i++ {
		assert.True(t, s.add("a", page(i)), i)
	}
	assert.False(t, s.add("a", page(0)))
	assert.False(t, s.add("b", page(1049)))
	assert.False(t, s.add("a/", "1049"), "where one ends and the other begins counts")
}

func TestMinutesAreRounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ns := rapid.Int64Range(0, int64(31*time.Minute)).Draw(t, "ns")
		got := int64(minutesOf(time.Duration(ns)))
		if ns >= int64(30*time.Minute) {
			require.Equal(t, int64(30_000_000_000), got)
			return
		}
		require.Zero(t, got%100)
		// got is 10⁻⁹ minutes, which are 60 ns: the difference is at most half of the last decimal.
		difference := got*60 - ns
		require.LessOrEqual(t, max(difference, -difference), int64(3000))
	})
	assert.Equal(t, "0.0000002", minutesOf(9000).String())
	assert.Equal(t, "0.0000002", minutesOf(15000).String())
}

func BenchmarkVisits(b *testing.B) {
	s := &Visits{Timeout: 30 * time.Minute}
	i := 0
	for b.Loop() {
		i++
		s.Add(View{Client: fmt.Sprint(i * 7919 % 5000), Page: fmt.Sprint("/t/", i*31%1000), Time: at(float64(i-i*13%20) / 100)})
		popped(s)
	}
}
