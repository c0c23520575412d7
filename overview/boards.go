package overview

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pageheat/codec"
	"pageheat/kafka"
)

// ListedBoard is what the output has of a board with its groups and closed periods, and what the next version waits for.
type ListedBoard struct {
	// Name is the board's name.
	Name string `json:"name"`
	// Kind is all-time, window, trending or calendar; empty if nothing of the board is published.
	Kind string `json:"kind,omitzero"`
	// Version, UpdatedAt, AsOf and Period are those of the newest version; zero if there is none.
	Version   uint64    `json:"version,omitzero"`
	UpdatedAt time.Time `json:"updated_at,omitzero"`
	AsOf      time.Time `json:"as_of,omitzero"`
	Period    string    `json:"period,omitzero"`
	// Size is the maximum number of pages; 0 if it is unknown. Pages is how many there are.
	Size  int `json:"size,omitzero"`
	Pages int `json:"pages"`
	// Since and Late are those of the newest version, see [codec.Board].
	Since codec.Offsets `json:"since,omitempty"`
	Late  uint64        `json:"late"`
	// Groups is the number of boards of groups. FinalPeriods is the number of final boards of closed periods,
	// and LastPeriod the period of the latest one.
	Groups       int    `json:"groups"`
	FinalPeriods int    `json:"final_periods"`
	LastPeriod   string `json:"last_period,omitzero"`
	// DefinitionHash and Definition are those of the newest version; all-time has none.
	DefinitionHash string          `json:"definition_hash,omitzero"`
	Definition     json.RawMessage `json:"definition,omitempty"`
	// WaitsFor says why there is no newer version; empty if nothing is due.
	WaitsFor []Wait `json:"waits_for"`

	ordered codec.Definition // of all-time: by what it was made
	offsets codec.Offsets
}

// Reason is why the next version of a board waits.
type Reason string

const (
	// ReasonSilent is that heat partitions have sent no leaders for freshLeaders.
	ReasonSilent Reason = "silent"
	// ReasonUnknown is that the owners of heat partitions do not know the board.
	ReasonUnknown Reason = "unknown"
	// ReasonDefinition is that the owners of heat partitions define the board differently.
	ReasonDefinition Reason = "definition"
	// ReasonTurn is that heat partitions are as of an earlier time than others.
	ReasonTurn Reason = "turn"
	// ReasonRanking is that all heat partitions agree, and the ranking has not published what they sent.
	ReasonRanking Reason = "ranking"
	// ReasonRemoved is that no heat partition counts the board any more.
	ReasonRemoved Reason = "removed"
)

// Wait is what the next version of a board waits for.
type Wait struct {
	Reason Reason `json:"reason"`
	// Partitions are the heat partitions that it is about; none if it is about all.
	Partitions []int32 `json:"partitions,omitempty"`
	// Detail says it in a sentence.
	Detail string `json:"detail"`
}

const (
	// freshLeaders is the maximum age of leaders that count. Owners send theirs at least once a second; the clocks
	// of machines differ.
	freshLeaders = 15 * time.Second
	// boardsSettle is the time that a turn and the ranking have before a board counts as waiting for them.
	boardsSettle = 2 * time.Second
	// maxBoardKeys is the maximum number of groups and closed periods that are counted.
	maxBoardKeys = 100_000
	// leadersTail is the number of leaders to read at first.
	leadersTail = 64
)

// heard are the newest leaders of a heat partition.
type heard struct {
	*codec.Leaders
	at time.Time
}

// Boards lists the boards in the output and those of heat partitions, all-time first, the others by name. It takes up to
// boardsSettle longer if a board seems to wait for the ranking or for the turn of a slot, which takes a moment only. An
// error names the topic.
func (o *Overview) Boards(ctx context.Context) ([]ListedBoard, error) {
	leaders, err := o.leaders(ctx)
	if err != nil {
		return nil, err
	}
	boards, err := o.published(ctx)
	if err != nil {
		return nil, err
	}
	due := appliedIn(leaders)
	listed := judge(boards, leaders, due, time.Now())
	if !slices.ContainsFunc(listed, ListedBoard.passing) {
		return listed, nil
	}
	select {
	case <-time.After(boardsSettle):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if leaders, err = o.leaders(ctx); err != nil {
		return nil, err
	}
	if boards, err = o.published(ctx); err != nil {
		return nil, err
	}
	return judge(boards, leaders, due, time.Now()), nil
}

// passing reports whether the board waits for what is usually over in a moment.
func (b ListedBoard) passing() bool {
	return slices.ContainsFunc(b.WaitsFor, func(w Wait) bool { return w.Reason == ReasonTurn || w.Reason == ReasonRanking })
}

// leaders reads the newest leaders of each heat partition.
func (o *Overview) leaders(ctx context.Context) (map[int32]heard, error) {
	bounds, err := o.kafka.AllBounds(ctx, o.topo.Leaders)
	if err != nil {
		return nil, fmt.Errorf("reading leaders: %w", err)
	}
	ends := map[int32]end{}
	for partition, b := range bounds {
		ends[partition] = end{start: b.Start, high: b.Stable, stable: b.Stable}
	}
	newest := map[int32]heard{}
	err = o.tail(ctx, o.topo.Leaders, ends, leadersTail, func(r *kafka.Record) {
		if l, err := codec.DecodeLeaders(r.Value); err == nil { // otherwise it is not ours
			newest[l.Partition] = heard{l, r.Timestamp}
		}
	}, func() bool { return len(newest) > 0 && len(newest) >= heatPartitions(newest) })
	if err != nil {
		return nil, fmt.Errorf("reading leaders in topic %s: %w", o.topo.Leaders, err)
	}
	return newest, nil
}

// heatPartitions is the number of heat partitions, as leaders say; 0 without any.
func heatPartitions(of map[int32]heard) (n int) {
	for _, l := range of {
		n = max(n, int(l.Partitions))
	}
	return n
}

// appliedIn is what all heat partitions have applied.
func appliedIn(of map[int32]heard) map[int32]int64 {
	all := make(map[int32]*codec.Leaders, len(of))
	for p, l := range of {
		all[p] = l.Leaders
	}
	return appliedBy(all, heatPartitions(of))
}

// published reads the output: its boards by name, without what they wait for.
func (o *Overview) published(ctx context.Context) (map[string]*ListedBoard, error) {
	bounds, err := o.kafka.AllBounds(ctx, o.topo.Output)
	if err != nil {
		return nil, fmt.Errorf("reading boards: %w", err)
	}
	list := published{boards: map[string]*ListedBoard{}, parts: map[string]part{}}
	if err := o.kafka.ReadBounds(ctx, o.topo.Output, bounds, func(r *kafka.Record) error {
		list.take(r)
		return nil
	}); err != nil {
		return nil, fmt.Errorf("reading boards in topic %s: %w", o.topo.Output, err)
	}
	return list.counted(), nil
}

// published are boards that are being read.
type published struct {
	boards map[string]*ListedBoard // by name
	parts  map[string]part         // of groups and closed periods, by key
}

// part is a board of a group or of a closed period.
type part struct {
	version          uint64
	kind, hash, text string
	final            bool
}

// take takes a record. One that is no board says nothing.
func (l *published) take(r *kafka.Record) {
	key := string(r.Key)
	name, of, ok := codec.SplitBoardKey(key)
	if !ok {
		return
	}
	if r.Value == nil {
		if delete(l.parts, key); of == "" {
			delete(l.boards, name)
		}
		return
	}
	b, err := codec.DecodeBoard(r.Value)
	if err != nil || b.Board != key {
		return
	}
	if of != "" {
		if known, ok := l.parts[key]; ok && known.version < b.Version || !ok && len(l.parts) < maxBoardKeys {
			l.parts[key] = part{b.Version, b.Kind, b.DefinitionHash, string(b.Definition), b.Final}
		}
		return
	}
	if known := l.boards[name]; known != nil && b.Version <= known.Version {
		return // of an instance that was replaced
	}
	board := &ListedBoard{Name: name, Kind: cmp.Or(b.Kind, codec.AllTime), Version: b.Version, UpdatedAt: b.UpdatedAt, AsOf: b.AsOf, Period: b.Period,
		Size: sizeOf(b.Definition), Pages: len(b.Pages), Since: b.Since, Late: b.Late, DefinitionHash: b.DefinitionHash,
		Definition: json.RawMessage(b.Definition), offsets: b.Offsets}
	if name == codec.AllTime {
		for header, value := range kafka.Headers(r) {
			if header != codec.HeaderPositions {
				continue
			}
			if origin, err := codec.DecodeOrigin(value); err == nil {
				board.ordered, board.Size = origin.Definition, origin.Definition.Top
			}
		}
	}
	l.boards[name] = board
}

// sizeOf is the size in a definition; 0 if it has none.
func sizeOf(definition []byte) int {
	var d struct {
		Size int `json:"size"`
	}
	if json.Unmarshal(definition, &d) != nil {
		return 0
	}
	return d.Size
}

// counted returns the boards with the numbers of their groups and closed periods.
func (l *published) counted() map[string]*ListedBoard {
	for key, p := range l.parts {
		name, of, _ := codec.SplitBoardKey(key)
		b := l.boards[name]
		if b == nil {
			b = &ListedBoard{Name: name, Kind: p.kind, DefinitionHash: p.hash, Definition: json.RawMessage(p.text), Size: sizeOf([]byte(p.text))}
			l.boards[name] = b
		}
		if p.final {
			b.FinalPeriods++
			b.LastPeriod = max(b.LastPeriod, of)
		} else {
			b.Groups++
		}
	}
	return l.boards
}

// judge adds boards that are not published yet, says what each waits for, and returns them in order. due is, by
// partition of the input, the offset below which every message has to be on the boards.
func judge(boards map[string]*ListedBoard, leaders map[int32]heard, due map[int32]int64, now time.Time) []ListedBoard {
	heardOf := maps.Clone(leaders)
	maps.DeleteFunc(heardOf, func(_ int32, l heard) bool { return now.Sub(l.at) > freshLeaders })
	for _, l := range heardOf {
		for i := range l.Boards {
			if name := l.Boards[i].Name; boards[name] == nil {
				boards[name] = &ListedBoard{Name: name}
			}
		}
	}
	if len(heardOf) > 0 && boards[codec.AllTime] == nil {
		boards[codec.AllTime] = &ListedBoard{Name: codec.AllTime, Kind: codec.AllTime}
	}
	silent := silentIn(leaders, heardOf)
	all := make([]ListedBoard, 0, len(boards))
	for _, b := range boards {
		b.WaitsFor = append([]Wait{}, b.waits(heardOf, due, silent)...)
		all = append(all, *b)
	}
	slices.SortFunc(all, func(a, b ListedBoard) int {
		if (a.Name == codec.AllTime) != (b.Name == codec.AllTime) {
			return map[bool]int{true: -1, false: 1}[a.Name == codec.AllTime]
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all
}

// silentIn says which heat partitions are not heard of, nil if none.
func silentIn(leaders, heardOf map[int32]heard) []Wait {
	if len(heardOf) == 0 {
		return []Wait{{Reason: ReasonSilent, Detail: fmt.Sprintf("no heat partition has sent leaders for %s: does an instance with the role heat run?", freshLeaders)}}
	}
	var missing []int32
	for p := range int32(heatPartitions(leaders)) {
		if _, ok := heardOf[p]; !ok {
			missing = append(missing, p)
		}
	}
	if missing == nil {
		return nil
	}
	return []Wait{{ReasonSilent, missing, fmt.Sprintf("%s sent no leaders for %s: is there an owner, and is it ready?", naming(missing), freshLeaders)}}
}

// naming names heat partitions, such as "heat partitions 0, 1".
func naming(partitions []int32) string {
	noun := "heat partitions "
	if len(partitions) == 1 {
		noun = "heat partition "
	}
	return noun + listing(partitions)
}

func listing(partitions []int32) string {
	var names []string
	for _, p := range partitions {
		names = append(names, fmt.Sprint(p))
	}
	return strings.Join(names, ", ")
}

// waits says what the next version waits for.
func (b *ListedBoard) waits(leaders map[int32]heard, due map[int32]int64, silent []Wait) []Wait {
	if len(leaders) == 0 {
		return silent
	}
	by, unknown, turning := b.definitions(leaders)
	if len(by) == 0 {
		return []Wait{{Reason: ReasonRemoved, Detail: "no heat partition counts it any more: it is not in the settings of the instances, and stays in the output as it is"}}
	}
	waits := slices.Clone(silent)
	if unknown != nil {
		waits = append(waits, Wait{ReasonUnknown, unknown, "the owner of " + naming(unknown) + " does not know it: restart instances that have other settings"})
	}
	if len(by) > 1 {
		var says []string
		for _, definition := range slices.Sorted(maps.Keys(by)) {
			as := "by " + definition
			if b.defined(map[string][]int32{definition: nil}) {
				as = "as it is published"
			}
			says = append(says, naming(by[definition])+" "+as)
		}
		waits = append(waits, Wait{Reason: ReasonDefinition, Detail: "its definitions differ: " + strings.Join(says, ", ") + ": restart instances that have other settings"})
	}
	if turning != nil {
		waits = append(waits, Wait{ReasonTurn, turning, naming(turning) + " is not as of the time of the others yet"})
	}
	if len(waits) > 0 {
		return waits
	}
	switch {
	case b.Version == 0:
		return []Wait{{Reason: ReasonRanking, Detail: "the ranking has not published it yet: does the owner of the role rank know it?"}}
	case !b.defined(by):
		return []Wait{{Reason: ReasonRanking, Detail: "the ranking has not published it by the definition of all heat partitions: restart the owner of the role rank with the settings of the others"}}
	}
	for partition, offset := range due {
		if at, _ := b.offsets.Get(partition); at < offset {
			return []Wait{{Reason: ReasonRanking, Detail: "the ranking has not published what all heat partitions have counted: does an instance with the role rank run?"}}
		}
	}
	return nil
}

// definitions are the heat partitions that count the board, by its definition, those that do not know it, and those
// that are behind the others in time.
func (b *ListedBoard) definitions(leaders map[int32]heard) (by map[string][]int32, unknown, turning []int32) {
	by = map[string][]int32{}
	asOf := map[int32]int64{}
	latest := int64(0)
	for _, p := range slices.Sorted(maps.Keys(leaders)) {
		l := leaders[p]
		if b.Name == codec.AllTime {
			text := l.Definition.String()
			if l.Definition.Serves(b.ordered) { // it may have more pages
				text = b.ordered.String()
			}
			by[text] = append(by[text], p)
			continue
		}
		at := slices.IndexFunc(l.Boards, func(of codec.BoardLeaders) bool { return of.Name == b.Name && !of.Final })
		if at < 0 {
			unknown = append(unknown, p)
			continue
		}
		of := &l.Boards[at]
		by[of.Hash] = append(by[of.Hash], p)
		if of.Turning {
			turning = append(turning, p)
		} else if b.Kind == "window" { // of others, T matters at the turn alone
			asOf[p] = int64(of.AsOf)
			latest = max(latest, asOf[p])
		}
	}
	for p, at := range asOf {
		if at < latest {
			turning = append(turning, p)
		}
	}
	slices.Sort(turning)
	return by, unknown, turning
}

// defined reports whether the newest version is by the only definition that heat partitions have.
func (b *ListedBoard) defined(by map[string][]int32) bool {
	_, ok := by[b.DefinitionHash]
	if b.Name == codec.AllTime {
		_, ok = by[b.ordered.String()]
	}
	return ok
}
