package web

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"pageheat/codec"
	"pageheat/views"
)

const (
	// listInterval is the minimum time between two lists of boards that are made.
	listInterval = time.Second
	// maxParts is the maximum number of groups, and of periods, of a board in the list.
	maxParts = 1000
)

// listedBoard is a board in the list of boards, with all of its groups and periods.
type listedBoard struct {
	Name  string `json:"name"`
	Kind  string `json:"kind"`
	Title string `json:"title"`
	// Version, UpdatedAt and AsOf are those of the board itself, zero if only parts of it are published.
	Version   uint64 `json:"version,omitzero"`
	UpdatedAt string `json:"updated_at,omitzero"`
	AsOf      string `json:"as_of,omitzero"`
	// Period is the open period.
	Period string `json:"period,omitzero"`
	// Groups are in order of names, Periods are those that are closed, the newest first. Both are at
	// most maxParts.
	Groups       []string `json:"groups"`
	GroupsInAll  int      `json:"groups_in_all"`
	Periods      []string `json:"periods"`
	PeriodsInAll int      `json:"periods_in_all"`

	DefinitionHash string         `json:"definition_hash,omitzero"`
	Definition     jsontext.Value `json:"definition,omitzero"`
}

// boardList is a list of all boards. It is shared and never changed.
type boardList struct {
	Boards []*listedBoard `json:"boards"`

	byName map[string]*listedBoard
	text   []byte // as JSON
	tag    string // the ETag
	err    error  // why there is no text
}

// cachedList keeps a list of boards for a moment, because making it takes time with many boards and
// anybody may ask. The zero value is ready.
type cachedList struct {
	mu   sync.Mutex
	list *boardList
	made time.Time
}

// of returns the list of boards, at most listInterval old.
func (c *cachedList) of(boards BoardReader) *boardList {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.list == nil || time.Since(c.made) >= listInterval {
		c.list, c.made = newBoardList(boards.All()), time.Now()
	}
	return c.list
}

func newBoardList(all []views.Board) *boardList {
	list := &boardList{Boards: []*listedBoard{}, byName: map[string]*listedBoard{}}
	newest := map[string]time.Time{} // by name: of its part that describes it
	for i := range all {
		head := &all[i].Head
		name, part, _ := strings.Cut(all[i].Key, "/")
		board, ok := list.byName[name]
		if !ok {
			board = &listedBoard{Name: name, Groups: []string{}, Periods: []string{}}
			list.byName[name] = board
			list.Boards = append(list.Boards, board)
		}
		switch {
		case part == "":
			board.Version, board.Period = all[i].Version, head.Period
			board.UpdatedAt, board.AsOf = listedTime(head.UpdatedAt), listedTime(head.AsOf)
		case head.Group != "":
			board.Groups = append(board.Groups, part)
		default:
			board.Periods = append(board.Periods, part)
		}
		// The definition is that of the board itself, or of its part that was published last.
		if !ok || part == "" || board.Version == 0 && head.UpdatedAt.After(newest[name]) {
			newest[name] = head.UpdatedAt
			board.Kind, board.Title = cmp.Or(head.Kind, codec.AllTime), kindTitle(head)
			board.DefinitionHash, board.Definition = head.DefinitionHash, head.Definition
		}
	}
	for _, board := range list.Boards {
		board.GroupsInAll, board.PeriodsInAll = len(board.Groups), len(board.Periods)
		slices.Sort(board.Groups)
		slices.SortFunc(board.Periods, func(a, b string) int { return cmp.Compare(b, a) })
		board.Groups, board.Periods = board.Groups[:min(len(board.Groups), maxParts)], board.Periods[:min(len(board.Periods), maxParts)]
	}
	slices.SortFunc(list.Boards, func(a, b *listedBoard) int {
		if first := views.DefaultBoard; (a.Name == first) != (b.Name == first) {
			return map[bool]int{true: -1, false: 1}[a.Name == first]
		}
		return cmp.Compare(a.Name, b.Name)
	})
	if list.text, list.err = json.Marshal(list); list.err == nil {
		sum := sha256.Sum256(list.text)
		list.tag = strconv.Quote(base64.RawURLEncoding.EncodeToString(sum[:12]))
	}
	return list
}

// listedTime returns a time as boards have it, empty for none.
func listedTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

// boards serves the list of boards.
func (s *service) boards(w http.ResponseWriter, r *http.Request) {
	list := s.list.of(s.Serve.Boards)
	if len(list.Boards) == 0 && s.Serve.Boards.Ready() != nil {
		s.noBoard(w, "")
		return
	}
	if list.err != nil {
		s.Logger.Error("the list of boards cannot be written", "error", list.err)
		Refuse(w, http.StatusInternalServerError, "The list of boards cannot be written. The log of this instance has the reason.")
		return
	}
	serveTagged(w, r, list.tag, "application/json", list.text)
}
