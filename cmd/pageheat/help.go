package main

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// helpCmd is listed as a command; helpArgs makes a --help of it before anything is parsed.
type helpCmd struct {
	Command []string `arg:"" optional:"" help:"Command to describe."`
}

// Run says how help is asked for where flags stand before it.
func (*helpCmd) Run() error {
	return usageError{errors.New("help comes first: pageheat help COMMAND")}
}

// helpArgs turns `pageheat help COMMAND` into `pageheat COMMAND --help`, which needs
// neither a broker nor settings without mistakes.
func helpArgs(args []string) []string {
	if len(args) == 0 || args[0] != "help" || len(args) > 1 && strings.HasPrefix(args[1], "-") {
		return args
	}
	return append(append([]string{}, args[1:]...), "--help")
}

// versionFlag is --version, for those who do not expect a command.
type versionFlag bool

// BeforeReset prints the version before anything else is judged.
func (versionFlag) BeforeReset(app *kong.Kong) error {
	err := printVersion(app.Stdout)
	app.Exit(exitDone)
	return err
}

// defaults makes what a flag's field holds its default: the settings of packages come with
// theirs.
func defaults(app *kong.Kong) error {
	eachFlag(app.Model.Node, func(f *kong.Flag) {
		if f.HasDefault || f.Target.IsZero() {
			return
		}
		f.HasDefault, f.Default = true, fmt.Sprint(f.Target.Interface())
		if list, ok := reflect.TypeAssert[[]string](f.Target); ok {
			f.Default = strings.Join(list, ",")
		}
	})
	return nil
}

// placeholders names the value of each flag by its kind, so that a default in its
// place is not read as the only value, nor an example as the default.
func placeholders(app *kong.Kong) error {
	eachFlag(app.Model.Node, func(f *kong.Flag) {
		if f.PlaceHolder != "" || f.IsBool() {
			return
		}
		kind := f.Target.Type()
		if kind.Kind() == reflect.Pointer {
			kind = kind.Elem()
		}
		switch {
		case f.Enum != "":
			f.PlaceHolder = strings.Join(f.EnumSlice(), "|")
		case kind == reflect.TypeFor[time.Duration]():
			f.PlaceHolder = "DURATION"
		case kind.Kind() == reflect.String, kind.Kind() == reflect.Slice:
			name := f.Name[strings.LastIndex(f.Name, "-")+1:]
			f.PlaceHolder = strings.ToUpper(name)
		default:
			f.PlaceHolder = "N"
		}
	})
	return nil
}

// describe is a flag's help with its default and its environment variable.
func describe(value *kong.Value) string {
	var more []string
	if d := value.Default; d != "" && d != "0" && d != "0s" && value.Flag != nil && !value.IsBool() {
		more = append(more, "default "+d)
	}
	for _, name := range value.Tag.Envs {
		more = append(more, "$"+name)
	}
	if len(more) == 0 {
		return value.Help
	}
	text, period := strings.CutSuffix(value.Help, ".")
	text = strings.TrimSpace(fmt.Sprintf("%s (%s)", text, strings.Join(more, ", ")))
	if period {
		text += "."
	}
	return text
}

// refuse says what is wrong with a command line, on w, and returns the exit code.
// Where a command is missing it shows those there are.
func refuse(w io.Writer, err error) int {
	var wrong *kong.ParseError
	if !errors.As(err, &wrong) || wrong.Context == nil {
		return report(w, nil, usageError{err})
	}
	at := wrong.Context.Selected()
	if at == nil {
		at = wrong.Context.Model.Node
	}
	command := strings.TrimSpace("pageheat " + at.Path())
	if at.Type == kong.ApplicationNode {
		command = "pageheat"
	}
	if !at.Leaf() && strings.HasPrefix(err.Error(), "expected ") {
		wrong.Context.Stdout = w
		if failed := wrong.Context.PrintUsage(false); failed != nil {
			return report(w, nil, failed)
		}
		_, _ = fmt.Fprintln(w) // where else to say it
		return report(w, nil, usageError{errors.New("no command given")})
	}
	code := report(w, nil, usageError{err})
	if !strings.Contains(err.Error(), "--help`") { // the error has said so
		_, _ = fmt.Fprintf(w, "See `%s --help`.\n", command)
	}
	return code
}
