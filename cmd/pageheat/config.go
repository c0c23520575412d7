package main

import (
	"bytes"
	"fmt"
	"go/doc/comment"
	"reflect"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v4"

	"pageheat/boards/boardsettings"
	"pageheat/secret"
)

// configCmd holds the commands about settings.
type configCmd struct {
	Show      configShowCmd      `cmd:"" help:"Print the settings of run, and the source of each."`
	Check     configCheckCmd     `cmd:"" help:"Check the settings of run; exit code 2 if one is invalid."`
	Reference configReferenceCmd `cmd:"" help:"Print a configuration file with all settings and their defaults."`
}

func defaultConfig() configCmd {
	return configCmd{Show: configShowCmd{Instance: defaultRun()}, Check: configCheckCmd{Instance: defaultRun()}}
}

// configShowCmd prints the settings of run.
type configShowCmd struct {
	Instance runCmd `embed:""`
}

// Help describes the output.
func (*configShowCmd) Help() string {
	return `The output is YAML. Secrets are masked. The source of a value is a comment: flag, environment
variable, config file or default.`
}

// Run prints a line for each setting.
func (c *configShowCmd) Run(ctx *kong.Context, p *program, s *settings) error {
	cfg, err := c.Instance.config(p)
	if err != nil {
		return err
	}
	given := map[string]bool{} // on the command line
	for _, trace := range ctx.Path {
		if trace.Flag != nil && !trace.Resolved {
			given[trace.Flag.Name] = true
		}
	}
	named := map[string]string{"behavior-topic": p.topo.Behavior, "leaders-topic": p.topo.Leaders, "forget-topic": p.topo.Forget, "dead-letter-topic": p.topo.DeadLetter,
		"ingest-group": p.topo.IngestGroup, "heat-group": p.topo.HeatGroup, "rank-group": p.topo.RankGroup,
		"events-topic": p.topo.Events, "alert-group": p.topo.AlertGroup}
	boardsFrom := ""
	out := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
	for _, flag := range ctx.Flags() {
		if len(flag.Envs) == 0 {
			continue
		}
		source := "default"
		switch {
		case given[flag.Name]:
			source = "flag"
		case s.origin[flag.Name] != "":
			source = s.origin[flag.Name]
		}
		if keyOf(flag) == boardsKey {
			boardsFrom = source
			continue
		}
		value, err := yamlOf(flag.Target)
		if name := named[flag.Name]; name != "" {
			value = name // most are made of the prefix
		}
		if err != nil {
			return fmt.Errorf("printing --%s: %w", flag.Name, err)
		}
		_, _ = fmt.Fprintf(out, "%s: %s\t# %s\n", keyOf(flag), value, source) // Flush returns the error
	}
	if len(cfg.boards) == 0 {
		_, _ = fmt.Fprintf(out, "%s: {}\t# %s\n", boardsKey, boardsFrom)
		return out.Flush()
	}
	// A line for each board, with the settings that are not given.
	_, _ = fmt.Fprintf(out, "%s:\t# %s\n", boardsKey, boardsFrom)
	for _, b := range cfg.boards {
		d := b.Definition()
		line, err := yaml.Dump(boardsettings.Write(d), yaml.WithLineWidth(-1))
		if err != nil {
			return fmt.Errorf("printing the board %s: %w", d.Name, err)
		}
		_, _ = fmt.Fprintf(out, "  %s: %s\n", d.Name, bytes.TrimSpace(line))
	}
	return out.Flush()
}

// configCheckCmd checks the settings of run.
type configCheckCmd struct {
	Instance runCmd `embed:""`
}

// Help says what is not checked.
func (*configCheckCmd) Help() string {
	return "The brokers are not contacted: `pageheat topics check` and `pageheat status` do that."
}

// Run checks all that can be checked without a broker.
func (c *configCheckCmd) Run(p *program) error {
	if _, err := c.Instance.config(p); err != nil {
		return err
	}
	_, err := fmt.Fprintln(p.stdout, "all settings are valid")
	return err
}

// configReferenceCmd prints all settings.
type configReferenceCmd struct{}

// Help says how to use the output.
func (*configReferenceCmd) Help() string {
	return `Every setting is commented out and has its default:

  pageheat config reference > pageheat.yaml
  pageheat run --config pageheat.yaml`
}

// Run prints the settings of all commands, each once.
func (*configReferenceCmd) Run(ctx *kong.Context, p *program) error {
	r := reference{listed: map[string]*kong.Flag{}}
	r.print("# Settings of pageheat. --config names the file. Flags and environment variables win over it.\n")
	r.section("All commands", ctx.Model.Flags)
	// The settings of an instance come first; those of config show and check are the same.
	var commands []*kong.Node
	for _, command := range ctx.Model.Leaves(true) {
		switch {
		case command.Path() == "run":
			commands = slices.Insert(commands, 0, command)
		case !strings.HasPrefix(command.Path(), "config "):
			commands = append(commands, command)
		}
	}
	for _, command := range commands {
		r.section("pageheat "+command.Path(), command.Flags)
	}
	if r.err != nil {
		return r.err
	}
	_, err := r.text.WriteTo(p.stdout)
	return err
}

// reference is the text of a configuration file with all settings.
type reference struct {
	text   bytes.Buffer
	listed map[string]*kong.Flag
	err    error // the first one
}

func (r *reference) print(format string, args ...any) {
	_, _ = fmt.Fprintf(&r.text, format, args...) // a buffer takes everything
}

// section adds the settings of a command. Of those that other commands have as well it adds
// only what is different.
func (r *reference) section(title string, flags []*kong.Flag) {
	titled := false
	for _, flag := range flags {
		if len(flag.Envs) == 0 || flag.Name == "config" {
			continue
		}
		key := keyOf(flag)
		first := r.listed[key]
		if first != nil && first.Help == flag.Help && first.Default == flag.Default {
			continue
		}
		if !titled {
			titled = true
			r.print("\n# ---- %s ----\n", title)
		}
		r.print("\n")
		if first != nil {
			r.comment(fmt.Sprintf("%s (above), for %s: %s", key, title, helpOf(flag)))
			continue
		}
		r.listed[key] = flag
		r.comment(helpOf(flag))
		if key == boardsKey {
			r.boards()
			continue
		}
		value, err := defaultOf(flag)
		if err != nil && r.err == nil {
			r.err = fmt.Errorf("printing the default of --%s: %w", flag.Name, err)
		}
		r.print("#%s: %s\n", key, value)
	}
}

// boards adds an example of boards: there is none by default.
func (r *reference) boards() {
	r.comment("Default: none. All settings of boards, as an example:")
	for line := range strings.Lines(boardsettings.Example()) {
		if line == "\n" {
			r.print("#\n")
			continue
		}
		r.print("#%s", line)
	}
}

// helpOf is the help of a setting with its values, where they are known.
func helpOf(flag *kong.Flag) string {
	if flag.Enum == "" {
		return flag.Help
	}
	values := slices.DeleteFunc(flag.EnumSlice(), func(v string) bool { return v == "" }) // the default
	return flag.Help + " One of " + strings.Join(values, ", ") + "."
}

// comment adds a comment, in lines of a terminal's width.
func (r *reference) comment(text string) {
	var parser comment.Parser
	printer := comment.Printer{TextPrefix: "# ", TextWidth: 78}
	r.text.Write(printer.Text(parser.Parse(text)))
}

// defaultOf is the default of a setting as YAML. A setting without one has an example.
func defaultOf(flag *kong.Flag) (string, error) {
	if flag.Default == "" {
		if example := flag.Tag.Get("example"); example != "" {
			return example, nil
		}
		return yamlOf(reflect.Zero(flag.Target.Type()))
	}
	if flag.Target.Kind() == reflect.Slice {
		return yamlOf(reflect.ValueOf(strings.Split(flag.Default, ",")))
	}
	return flag.Default, nil
}

// yamlOf is a setting's value on one line of YAML, masked if it is a secret.
func yamlOf(value reflect.Value) (string, error) {
	for value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return `""`, nil
		}
		value = value.Elem()
	}
	var node yaml.Node
	content := value.Interface()
	if stringer, ok := content.(fmt.Stringer); ok && !value.IsZero() {
		content = stringer.String()
	} else if value.Type() == reflect.TypeFor[secret.Text]() {
		content = ""
	}
	if err := node.Encode(content); err != nil {
		return "", err
	}
	node.Style |= yaml.FlowStyle
	text, err := yaml.Marshal(&node)
	return strings.TrimSpace(string(text)), err
}
