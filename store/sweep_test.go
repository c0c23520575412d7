package store_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"pageheat/boards"
	"pageheat/codec"
	"pageheat/store"
)

// noon is a time on a day.
func noon(day codec.Day) time.Time { return day.Time().Add(12 * time.Hour) }

// applyOn applies the range that follows, of behaviours of a day.
func applyOn(t require.TestingT, p *store.Partition, to *int64, day codec.Day, pages map[string]uint64) {
	progress, _ := p.Progress()
	msg := rangeOf(codec.RangeHeader{From: *to, To: *to + 10, Minute: boards.MinuteOf(noon(day))}, pages)
	*to += 10
	_, err := p.Apply(msg, progress.Next)
	require.NoError(t, err)
}

// pass goes through all pages.
func pass(t require.TestingT, p *store.Partition) (changed bool) {
	for more := true; more; {
		var removed bool
		var err error
		removed, more, err = p.PassOn()
		require.NoError(t, err)
		changed = changed || removed
	}
	return changed
}

// sweep drops the pages without a behaviour for a number of days, and returns the records of the commit.
func sweep(t require.TestingT, p *store.Partition, day codec.Day, days int) []record {
	require.True(t, p.SeekSweep(noon(day), days))
	require.False(t, pass(t, p), "it only looks")
	require.True(t, p.Found())
	require.NoError(t, p.Sweep(noon(day)))
	return takeAll(t, p.Checkpoint())
}

// keepsAll checks that no page is to be dropped.
func keepsAll(t require.TestingT, p *store.Partition, day codec.Day, days int, why string) {
	p.SeekSweep(noon(day), days)
	pass(t, p)
	require.False(t, p.Found(), why)
}

func TestPagesWithoutBehavioursAreDropped(t *testing.T) {
	onBoth(t, testPagesWithoutBehavioursAreDropped)
}

func testPagesWithoutBehavioursAreDropped(t *testing.T, s kind) {
	p, to := s.started(t), int64(-1)
	p.KeepDays(noon(100))
	require.False(t, p.StartSweeps())
	applyOn(t, p, &to, 100, map[string]uint64{"a": 3, "b": 2})
	applyOn(t, p, &to, 101, map[string]uint64{"b": 1})
	keepsAll(t, p, 110, 3, "no behaviour has come since day 101: the clock may be wrong")
	applyOn(t, p, &to, 110, map[string]uint64{"c": 1})
	keepsAll(t, p, 103, 3, "all pages have behaviours of day 100 or later")
	log := takeAll(t, p.Checkpoint())

	records := sweep(t, p, 104, 3)
	require.Equal(t, "|sweep|5|3|101", records[0].key)
	swept, err := codec.DecodeSweep(records[0].value)
	require.NoError(t, err)
	require.Equal(t, &codec.Sweep{Number: 1, Partitions: parts, Partition: part, Before: 101, SweptAt: noon(104).UnixMilli(), Input: input(), To: []int64{29}}, swept)
	require.Len(t, records, 2, "the sweep and the progress: pages are removed later")
	require.EqualValues(t, 3, known(t, p, "a"))
	log = append(log, records...)

	// A page that is dropped, and not removed yet, starts at zero.
	applyOn(t, p, &to, 90, map[string]uint64{"a": 1})
	require.EqualValues(t, 1, known(t, p, "a"))
	require.EqualValues(t, 1, p.Dropped())
	restored := s.partition(t)
	restoreOwn(t, restored, log...)
	require.NoError(t, restored.Check())
	require.True(t, restored.StartSweeps(), "an owner that takes over goes on")
	require.True(t, pass(t, restored))
	require.Zero(t, known(t, restored, "a"))
	require.EqualValues(t, 3, known(t, restored, "b"))
	progress, _ := restored.Progress()
	require.EqualValues(t, 4, progress.Counted)

	require.False(t, pass(t, p))
	require.False(t, p.SeekSweep(noon(104), 3), "once a day")
	require.False(t, p.SeekSweep(noon(103), 3), "a clock that goes back changes nothing")
	records = sweep(t, p, 105, 3)
	require.True(t, pass(t, p))
	require.Zero(t, known(t, p, "a"), "a late behaviour keeps its page for a day")
	require.Zero(t, known(t, p, "b"))
	require.EqualValues(t, 1, known(t, p, "c"))
	require.Equal(t, 1, p.Len())
	require.EqualValues(t, 3, p.Dropped())
	require.EqualValues(t, 0, p.Requests())
	log = append(log, records...)
	log = append(log, takeAll(t, p.Checkpoint())...)
	restored = s.partition(t)
	restoreOwn(t, restored, log...)
	require.NoError(t, restored.Check())
	require.False(t, restored.StartSweeps())
	require.Equal(t, 1, restored.Len())
}

// TestDaysBeforeTheSettingAreUnknown: no page is dropped before all have had their time since the setting was on.
func TestDaysBeforeTheSettingAreUnknown(t *testing.T) {
	onBoth(t, testDaysBeforeTheSettingAreUnknown)
}

func testDaysBeforeTheSettingAreUnknown(t *testing.T, s kind) {
	p, to := s.started(t), int64(-1)
	require.False(t, p.StartSweeps())
	applyOn(t, p, &to, 100, map[string]uint64{"a": 3, "b": 2})
	require.False(t, p.SeekSweep(noon(200), 3), "the setting was never on")
	p.KeepDays(noon(110))
	applyOn(t, p, &to, 110, map[string]uint64{"c": 1})
	takeAll(t, p.Checkpoint())
	applyOn(t, p, &to, 112, map[string]uint64{"b": 1})
	require.False(t, p.SeekSweep(noon(112), 2))
	applyOn(t, p, &to, 113, map[string]uint64{"d": 1})
	takeAll(t, p.Checkpoint())
	records := sweep(t, p, 113, 2)
	swept, err := codec.DecodeSweep(records[0].value)
	require.NoError(t, err)
	require.Equal(t, []int64{9}, swept.From)
	require.True(t, pass(t, p))
	require.Zero(t, known(t, p, "a"))
	require.EqualValues(t, 3, known(t, p, "b"))
	require.Zero(t, known(t, p, "c"))
}

// TestASweepNeedsNoOpenCheckpoint: its own commit has it.
func TestASweepNeedsNoOpenCheckpoint(t *testing.T) {
	p, to := kind{func() (*store.Partition, error) { return store.New(config(10)), nil }}.started(t), int64(-1)
	p.KeepDays(noon(100))
	applyOn(t, p, &to, 100, map[string]uint64{"a": 3})
	applyOn(t, p, &to, 110, map[string]uint64{"b": 3})
	require.True(t, p.SeekSweep(noon(110), 3))
	pass(t, p)
	require.NotNil(t, p.Checkpoint())
	require.ErrorContains(t, p.Sweep(noon(110)), "while a checkpoint is open")
}

// TestPagesOfBoardsAreNotDropped: the clock of an owner before may have been ahead.
func TestPagesOfBoardsAreNotDropped(t *testing.T) {
	board, err := boards.New(boards.Definition{Name: "week", Kind: boards.Window, Window: 7 * 24 * time.Hour})
	require.NoError(t, err)
	c := config(10)
	c.Boards = []*boards.Board{board}
	p, to := store.New(c), int64(-1)
	p.Begin(behavior(), 0)
	require.NoError(t, p.MarkRecovered())
	p.StartBoards()
	p.KeepDays(noon(100))
	for more := true; more; {
		_, more = p.Advance(noon(100))
	}
	applyOn(t, p, &to, 100, map[string]uint64{"a": 1})
	applyOn(t, p, &to, 120, map[string]uint64{"b": 1})
	keepsAll(t, p, 120, 8, "the board is as of day 100")
	for more := true; more; {
		_, more = p.Advance(noon(120))
	}
	require.True(t, p.SeekSweep(noon(120), 8))
}

// behaved are behaviours that were counted.
type behaved struct {
	page   string
	n      uint64
	offset int64
	day    codec.Day
}

// sweepWorld is a partition, its changelog, and what should be in it.
type sweepWorld struct {
	kind
	p     *store.Partition
	today codec.Day
	days  int
	to    int64
	came  []behaved
	swept []*codec.Sweep

	sweeps  int // in all, those that a crash undid among them
	open    *store.Checkpoint
	opened  sweepCut
	records []record

	committed sweepCut
	log       []record
}

// sweepCut is what came before a checkpoint.
type sweepCut struct {
	to    int64
	came  int
	swept int
}

func (w *sweepWorld) cut() sweepCut { return sweepCut{w.to, len(w.came), len(w.swept)} }

func (w *sweepWorld) restore(t *rapid.T) {
	w.open, w.records = nil, nil
	w.p = w.partition(t)
	restoreOwn(t, w.p, w.log...)
	require.NoError(t, w.p.Check())
	w.p.Begin(behavior(), 0)
	if rapid.IntRange(0, 3).Draw(t, "on") > 0 {
		w.p.KeepDays(noon(w.today))
	}
	w.p.StartSweeps()
	w.to, w.came, w.swept = w.committed.to, w.came[:w.committed.came], w.swept[:w.committed.swept]
}

func (w *sweepWorld) apply(t *rapid.T) {
	pages := rapid.MapOf(rapid.SampledFrom([]string{"a", "b", "c", "d"}), rapid.Uint64Range(1, 2)).Draw(t, "pages")
	day := w.today
	if rapid.Bool().Draw(t, "of another day") {
		day = codec.Day(int(w.today) + rapid.IntRange(-6, 3).Draw(t, "day"))
	}
	applyOn(t, w.p, &w.to, day, pages)
	for page, n := range pages {
		w.came = append(w.came, behaved{page, n, w.to, day})
	}
}

func (w *sweepWorld) seek(*rapid.T) { w.p.SeekSweep(noon(w.today), w.days) }

func (w *sweepWorld) pass(t *rapid.T) {
	_, _, err := w.p.PassOn()
	require.NoError(t, err)
}

func (w *sweepWorld) sweep(t *rapid.T) {
	w.seek(t)
	for range rapid.IntRange(0, 3).Draw(t, "pieces") {
		w.pass(t)
	}
	if w.open != nil || !w.p.Found() {
		return
	}
	require.NoError(t, w.p.Sweep(noon(w.today)))
	w.opened, w.open = w.cut(), w.p.Checkpoint()
	require.Equal(t, 2+w.open.Size(), w.open.Len())
	for key, value, more := w.open.Next(nil); more; key, value, more = w.open.Next(nil) {
		w.records = append(w.records, record{key, value})
		if kind, _, _ := codec.InternalKey(key); kind == codec.KindSweep {
			s, err := codec.DecodeSweep(value)
			require.NoError(t, err)
			require.Equal(t, w.to, s.To[0])
			w.swept = append(w.swept, s)
		}
	}
	w.opened.swept = len(w.swept)
	w.sweeps++
	w.commit()
}

func (w *sweepWorld) commit() {
	w.log = append(w.log, w.records...)
	w.open.Committed(int64(len(w.log)) - 1)
	w.committed, w.open, w.records = w.opened, nil, nil
}

func (w *sweepWorld) write(t *rapid.T) {
	if w.open == nil {
		w.opened = w.cut()
		if w.open = w.p.Checkpoint(); w.open == nil {
			return
		}
	}
	for range rapid.IntRange(1, 9).Draw(t, "records") {
		key, value, more := w.open.Next(nil)
		if !more {
			w.commit()
			return
		}
		w.records = append(w.records, record{key, value})
	}
}

// counts is the rule, from what came and the sweeps alone.
func (w *sweepWorld) counts(page string) (n uint64) {
	last := int64(-1)
	for _, s := range w.swept {
		if !slices.ContainsFunc(w.came, func(b behaved) bool { return b.page == page && b.offset <= s.To[0] && s.Spares(0, b.offset, b.day) }) {
			last = s.To[0]
		}
	}
	for _, b := range w.came {
		if b.page == page && b.offset > last {
			n += b.n
		}
	}
	return n
}

// check compares the partition with the rule: dropped pages may not be removed yet.
func (w *sweepWorld) check(t *rapid.T) {
	want := map[string]uint64{}
	progress, _ := w.p.Progress()
	swept := progress.Days == nil || progress.Days.Swept
	for _, page := range []string{"a", "b", "c", "d"} {
		n := w.counts(page)
		if n > 0 {
			want[page] = n
		}
		if swept || n > 0 {
			require.Equal(t, n, known(t, w.p, page), page)
		}
	}
	if !swept {
		return
	}
	total := uint64(0)
	for _, n := range want {
		total += n
	}
	require.Equal(t, total, progress.Counted)
	require.Equal(t, len(want), w.p.Len())
	var l codec.Leaders
	w.p.Leaders(&l)
	got := map[string]uint64{}
	for _, leader := range l.Pages {
		got[leader.Page] = leader.Totals.Behaviours
	}
	require.Equal(t, want, got)
}

// What a partition holds follows from what came and the records of sweeps, in memory and on disk, whenever it
// crashes, whatever the days of behaviours are, and whether an owner in between has the setting.
func TestSweepsAreExact(t *testing.T) { onBoth(t, testSweepsAreExact) }

func testSweepsAreExact(t *testing.T, s kind) {
	sweeps := 0
	schedule := func(t *rapid.T) {
		w := &sweepWorld{kind: s, today: 100, days: 2, to: -1, committed: sweepCut{to: -1}}
		w.restore(t)
		t.Repeat(map[string]func(*rapid.T){
			"apply":       w.apply,
			"apply again": w.apply,
			"day":         func(t *rapid.T) { w.today += codec.Day(rapid.IntRange(1, 4).Draw(t, "days")) },
			"clock back":  func(t *rapid.T) { w.today -= codec.Day(rapid.IntRange(0, 1).Draw(t, "days")) },
			"seek":        w.seek,
			"pass":        w.pass,
			"sweep":       w.sweep,
			"sweep again": w.sweep,
			"write":       w.write,
			"crash":       w.restore,
			"":            w.check,
		})
		sweeps += w.sweeps
	}
	for range 20 { // the few schedules of short tests may have no sweep
		if rapid.Check(t, schedule); sweeps > 0 {
			break
		}
	}
	require.NotZero(t, sweeps)
}
