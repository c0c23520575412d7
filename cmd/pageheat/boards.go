package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v4"

	"pageheat/boards"
	"pageheat/boards/boardsettings"
	"pageheat/failure"
	"pageheat/heat"
)

// boardsKey is the key of the configuration file with all boards that --board adds one by one.
const boardsKey = "boards"

// boardsSettings are the boards beside all-time.
type boardsSettings struct {
	Boards boardList `name:"board" key:"boards" env:"PAGEHEAT_BOARDS" placeholder:"DEFINITION" help:"Board beside all-time, such as 'hour kind=window window=1h'. Repeatable."`
}

// boardList is boards as they were written: on lines, which --board and the variable have, or in the
// configuration file. The zero value has none. It is a kong.MapperValue.
type boardList struct {
	lines []string
	file  *yaml.Node
}

// Decode takes a value of the command line, of the environment, or of the file.
func (b *boardList) Decode(ctx *kong.DecodeContext) error {
	token, err := ctx.Scan.PopValue("board")
	if err != nil {
		return err
	}
	switch value := token.Value.(type) {
	case *yaml.Node:
		*b = boardList{file: value}
	case string:
		lines := boardsettings.Split(value)
		if lines == nil {
			return errors.New("no board is given: begin with its name, such as 'hour kind=window window=1h'")
		}
		b.lines = append(b.lines, lines...)
	default:
		return fmt.Errorf("%v is not the definition of a board", value)
	}
	return nil
}

// none reports whether no board is given.
func (b *boardsSettings) none() bool { return b.Boards.file == nil && len(b.Boards.lines) == 0 }

// definitions are those of the boards. The error has all mistakes.
func (b *boardsSettings) definitions(top int, weights heat.WeightSettings) ([]boards.Definition, error) {
	defaults := boardsettings.Defaults{Size: top, Weights: weights}
	var all []boards.Definition
	var err error
	if b.Boards.file != nil {
		all, err = boardsettings.Read(b.Boards.file, "", defaults)
	} else {
		all, err = boardsettings.Parse(b.Boards.lines, defaults)
	}
	if err == nil {
		return all, nil
	}
	if mistakes := strings.Split(err.Error(), "\n"); len(mistakes) > 1 {
		err = fmt.Errorf("%d mistakes:\n  %s", len(mistakes), strings.Join(mistakes, "\n  "))
	}
	return nil, &failure.Setting{Name: "board", Err: err}
}

// make makes the boards.
func (b *boardsSettings) make(top int, weights heat.WeightSettings) ([]*boards.Board, error) {
	definitions, err := b.definitions(top, weights)
	if err != nil {
		return nil, err
	}
	made := make([]*boards.Board, len(definitions))
	for i, d := range definitions {
		if made[i], err = boards.New(d); errors.Is(err, boards.ErrAllTime) {
			err = &boards.Invalid{Board: d.Name, Setting: "kind", Err: errors.New("the one board of all time is all-time: choose window, trending or calendar (`pageheat recount` counts others of all time)")}
		}
		if err != nil {
			return nil, &failure.Setting{Name: "board", Err: err}
		}
	}
	return made, nil
}

// grouped are the boards that have boards of groups.
func grouped(all []*boards.Board) []*boards.Board {
	return slices.DeleteFunc(slices.Clone(all), func(b *boards.Board) bool { return b.Definition().GroupBy == "" })
}

// namesOf returns the names of boards.
func namesOf(all []*boards.Board) []string {
	names := make([]string, len(all))
	for i, b := range all {
		names[i] = b.Definition().Name
	}
	return names
}
