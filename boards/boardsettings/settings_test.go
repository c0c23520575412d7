package boardsettings

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"pageheat/boards"
	"pageheat/heat"
)

func defaults() Defaults { return Defaults{Size: 20, Weights: heat.DefaultWeightSettings()} }

func read(t testing.TB, text string) ([]boards.Definition, error) {
	t.Helper()
	var doc yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(text), &doc))
	return Read(doc.Content[0], "config file x: ", defaults())
}

// TestBothFormsAreOne: a board is the same however it is written.
func TestBothFormsAreOne(t *testing.T) {
	fromFile, err := read(t, `
everything: {kind: all-time, include: [/a/.*]}
hour: {kind: window, window: 60m}
fair:
  kind: window
  window: 7d
  max-per-step: 2.50
  weight-minutes: -0.5
trending:
  kind: trending
  half-life: 6h
  include: [/news/.*, /sport/.*]
  exclude: /news/old/.*
  min-behaviours: 3
today:
  kind: calendar
  calendar: day
  time-zone: Europe/Berlin
  group-by: /([^/]+)/.*
  max-per-group: 3
  size: 50
`)
	require.NoError(t, err)
	fromFlags, err := Parse([]string{
		"everything kind=all-time include=/a/.*",
		"hour window=1h step=1m kind=window size=20",
		"fair kind=window window=168h max-per-step=2.5 weight-minutes=-.5",
		"trending kind=trending half-life=360m include=/sport/.* include=/news/.* exclude=/news/old/.* min-behaviours=3",
		"today kind=calendar calendar=day time-zone=Europe/Berlin grace=1h keep=400d group-by=/([^/]+)/.* max-per-group=3 max-groups=100 size=50",
	}, defaults())
	require.NoError(t, err)
	require.Len(t, fromFile, 5)
	for i := range fromFile {
		assert.Equal(t, fromFile[i].Canonical(), fromFlags[i].Canonical())
		assert.Equal(t, fromFile[i].Hash(), fromFlags[i].Hash())
	}
	assert.Equal(t, 20, fromFile[1].Size)
	assert.Equal(t, time.Minute, fromFile[1].Step)
	assert.Equal(t, "0.8 x clicks + -0.5 x minutes + 1 x likes", fromFile[2].Scorer.String())
}

// TestErrorsNameBoardAndSetting, all at once.
func TestErrorsNameBoardAndSetting(t *testing.T) {
	_, err := read(t, `
hour:
  kind: window
  window: 61m
  step: 2m
  half-life: 1h
fair:
  kind: windo
  windw: 1h
  size: 0
  weight-clicks: "1000"
  time-zone: Local
  calendar: [day]
`)
	require.Error(t, err)
	assert.Equal(t, `config file x: line 7: board "fair": calendar: must be a plain value`, err.Error())
	_, err = read(t, `
hour:
  kind: window
  window: 61m
  step: 2m
  half-life: 1h
fair:
  kind: windo
  windw: 1h
  size: 0
  weight-clicks: "1000"
  time-zone: Local
`)
	assert.Equal(t, []string{
		`config file x: line 2: board "hour": half-life: is for a trending board`,
		`config file x: line 2: board "hour": step: 2m does not divide the window of 1h1m`,
		`config file x: line 7: board "fair": kind: "windo": must be one of all-time, window, trending, calendar`,
		`config file x: line 7: board "fair": windw: unknown setting: did you mean window?`,
		`config file x: line 7: board "fair": size: "0": must be a whole number from 1`,
		`config file x: line 7: board "fair": time-zone: "Local": must be a time zone that is the same on each machine, such as Europe/Berlin or UTC`,
		`config file x: line 7: board "fair": weight-clicks: weight of clicks: "1000" is out of range: a weight is a decimal from -100 to 100 with at most 6 digits after the point, such as 0.8`,
	}, strings.Split(err.Error(), "\n"))
	invalid, ok := errors.AsType[*boards.Invalid](err)
	require.True(t, ok)
	assert.Equal(t, "hour", invalid.Board)
}

func TestWhatIsNoBoard(t *testing.T) {
	for text, want := range map[string]string{
		"[a]":                                  "line 1: boards must be a mapping of names to settings",
		"a: 7":                                 `line 1: board "a": must be a mapping of settings`,
		"a: {kind: }":                          `board "a": kind: must be a plain value`,
		"a: {include: {b: c}}":                 `board "a": include: must be a pattern or a list of patterns`,
		"a: {exclude: [[b]]}":                  `board "a": exclude: line 1: a list must have plain values`,
		"a: {}":                                `board "a": kind: is missing`,
		"a b: {kind: all-time}":                `board "a b": name: must be`,
		"all-time: {kind: window, window: 1h}": `board "all-time": name: the board of this name always exists`,
		"a: {kind: all-time, include: ''}":     `board "a": include: has no value`,
		"a: {kind: all-time, group-by: ''}":    `board "a": group-by: has no value`,
		"a: {kind: all-time, something: 1}":    "unknown setting: the settings of a board are kind, size, window",
		"a: {kind: window, window: 1}":         `"1": must be a duration above 0, such as 90m, 24h or 7d`,
		"a: {kind: window, window: -1h}":       "must be a duration above 0",
		"a: {kind: calendar, calendar: day, time-zone: Mars}": `time-zone: "Mars" is not a time zone`,
		"a: {kind: calendar, calendar: day, grace: 0s}":       "grace: \"0s\": must be a duration above 0",
	} {
		_, err := read(t, text)
		assert.ErrorContains(t, err, want, text)
	}
	for line, want := range map[string]string{
		"":                            `must begin with the name of the board`,
		"kind=window window=1h":       `must begin with the name of the board`,
		"a window":                    `board "a": "window": must be a setting and its value`,
		"a kind=all-time kind=window": `board "a": kind: given twice`,
	} {
		_, err := Parse([]string{line}, defaults())
		assert.ErrorContains(t, err, want, line)
	}
	_, err := Parse([]string{"a kind=all-time", "a kind=trending half-life=1h"}, defaults())
	assert.ErrorContains(t, err, `board "a": name: another board has this name already`)
	_, err = Parse(make([]string, 1), Defaults{})
	assert.Error(t, err)
}

// TestEverySettingIsKnown: the list for messages is that of the settings.
func TestEverySettingIsKnown(t *testing.T) {
	f := fields{d: &boards.Definition{}, weights: &heat.WeightSettings{}}
	for _, name := range names() {
		_, known := f.setter(name)
		assert.True(t, known, name)
	}
}

// TestExampleHasAllSettings, and is valid.
func TestExampleHasAllSettings(t *testing.T) {
	var doc map[string]yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(Example()), &doc))
	node := doc["boards"]
	defined, err := Read(&node, "", defaults())
	require.NoError(t, err)
	assert.Len(t, defined, 3)
	for _, name := range names() {
		assert.Regexp(t, `(?m)^    `+name+`: .`, Example())
	}
}

// TestWrittenBoardsAreRead: what Write returns is the same board.
func TestWrittenBoardsAreRead(t *testing.T) {
	var doc map[string]yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(Example()), &doc))
	node := doc["boards"]
	fromExample, err := Read(&node, "", defaults())
	require.NoError(t, err)
	fromLines, err := Parse([]string{
		"everything kind=all-time weight-clicks=-.25", "days kind=window window=10d max-per-step=0.5 size=3", "odd kind=window window=61m",
		"soon kind=calendar calendar=hour time-zone=Asia/Kathmandu max-per-step=7 step=15m exclude=true exclude=7 exclude=[,]:#",
		`sections kind=trending half-life=90m group-by=/(?:a|b)/([^/]+)/\d+ max-groups=7 min-behaviours=12`,
	}, Defaults{Size: 7, Weights: heat.WeightSettings{WeightClicks: "3", WeightMinutes: "0", WeightLikes: "1.5"}})
	require.NoError(t, err)
	for _, d := range append(fromExample, fromLines...) {
		text, err := yaml.Dump(Write(d))
		require.NoError(t, err)
		again, err := read(t, d.Name+": "+string(text))
		require.NoError(t, err, "%s", text)
		assert.Equal(t, d.Canonical(), again[0].Canonical(), "%s", text)
		object := Object(d)
		require.True(t, object.IsValid(), "%s", object)
		again, err = read(t, d.Name+": "+string(object)) // JSON is YAML
		require.NoError(t, err, "%s", object)
		assert.Equal(t, d.Canonical(), again[0].Canonical(), "%s", object)
	}
	assert.Equal(t, `{"kind":"window","size":3,"window":"10d","step":"1h","weight-clicks":3,"weight-minutes":0,"weight-likes":1.5,"min-behaviours":1,"max-per-step":0.5}`,
		string(Object(fromLines[1])))
	assert.Equal(t, `"exclude":["true","7","[,]:#"]}`, string(Object(fromLines[3])[len(Object(fromLines[3]))-len(`"exclude":["true","7","[,]:#"]}`):]))
}

func TestPlainDecimals(t *testing.T) {
	for text, want := range map[string]string{"007": "7", ".50": "0.5", "10": "10", "0.10": "0.1", "3.": "3", "1.000": "1"} {
		assert.Equal(t, want, plain(text))
	}
}

// TestAllTimeIsNotAFurtherBoard, nor is a board named like a route.
func TestAllTimeIsNotAFurtherBoard(t *testing.T) {
	_, err := Parse([]string{"all-time kind=all-time", "events kind=window window=1h", "feed.rss kind=window window=61m step=7m", "list.html"}, defaults())
	assert.Equal(t, []string{
		`board "all-time": name: the board of this name always exists: --top and --weight-* set its size and weights`,
		`board "events": name: paths of boards end with this: give the board another name`,
		`board "feed.rss": name: paths of boards end with this: give the board another name`,
		`board "feed.rss": step: 7m does not divide the window of 1h1m`,
		`board "list.html": kind: is missing: all-time, window, trending or calendar`,
	}, strings.Split(err.Error(), "\n"))
}

func TestSplit(t *testing.T) {
	for text, want := range map[string][]string{
		"": nil, " \n; ": nil,
		"a b=c":                     {"a b=c"},
		"a b=c; d e=f\n g h=i;j \n": {"a b=c", "d e=f", "g h=i;j"},
	} {
		assert.Equal(t, want, Split(text), "%q", text)
	}
}

// FuzzParse: whatever is written gives boards that are valid, or an error.
func FuzzParse(f *testing.F) {
	f.Add("hour kind=window window=1h")
	f.Add("today kind=calendar calendar=day time-zone=Europe/Berlin max-per-step=1 group-by=/(.*)/")
	f.Fuzz(func(t *testing.T, line string) {
		defined, err := Parse([]string{line}, defaults())
		if err != nil {
			return
		}
		if _, err := boards.New(defined[0]); !errors.Is(err, boards.ErrAllTime) {
			require.NoError(t, err)
		}
	})
}
