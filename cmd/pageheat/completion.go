package main

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"

	"github.com/alecthomas/kong"
)

// completions are the scripts, by shell: templates over words.
//
//go:embed completion
var completions embed.FS

// completionCmd prints the completion script of a shell. The scripts are made from the
// command line's own description: they call nothing, and stay right wherever the
// program is moved to. (The libraries that do this for kong call the program by its
// absolute path at each key.)
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help says how to use the script.
func (*completionCmd) Help() string {
	return `Load it in the running shell with one of

  source <(pageheat completion bash)
  source <(pageheat completion zsh)
  pageheat completion fish | source

or add that line to ~/.bashrc, ~/.zshrc or ~/.config/fish/config.fish.`
}

// words are what may follow, by the commands before it, separated by blanks.
type words struct {
	Commands []suggestion            // all, the empty path first
	Choices  []choice                // flags with values that are known
	Files    []string                // flags that take a file or directory
	Valued   []string                // flags that take a value
	Flags    map[string][]suggestion // path -> its flags
}

// choice is a flag that has the same values at some paths. Commands may have flags of one name with
// different values.
type choice struct {
	Word   string
	Paths  []string
	Values []string
}

// suggestion is a path of commands or a flag, and its help.
type suggestion struct{ Path, Word, Help string }

// Run prints the script.
func (c *completionCmd) Run(ctx *kong.Context, p *program) error {
	w := words{Flags: map[string][]suggestion{}}
	w.collect(ctx.Model.Node, "")
	for _, command := range ctx.Model.Children {
		w.Commands = append(w.Commands, suggestion{"help", command.Name, command.Help})
	}
	slices.Sort(w.Files)
	slices.Sort(w.Valued)
	w.Files, w.Valued = slices.Compact(w.Files), slices.Compact(w.Valued)
	t, err := template.New("").Funcs(template.FuncMap{
		"join": strings.Join,
		"keys": func(m map[string][]suggestion) []string { return slices.Sorted(maps.Keys(m)) },
		"list": func(s []suggestion) string {
			all := make([]string, len(s))
			for i := range s {
				all[i] = s[i].Word
			}
			return strings.Join(all, " ")
		},
		"below": func(path string) []suggestion {
			return slices.DeleteFunc(slices.Clone(w.Commands), func(s suggestion) bool { return s.Path != path })
		},
		"quote": func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" },
		"fish":  func(s string) string { return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'" },
		"long":  func(s string) string { return strings.TrimPrefix(s, "--") },
		"has":   slices.Contains[[]string],
		"values": func(path, word string) []string {
			for _, c := range w.Choices {
				if c.Word == word && slices.Contains(c.Paths, path) {
					return c.Values
				}
			}
			return nil
		},
		// at lists, for case, the flag after each path.
		"at": func(c choice) string {
			all := make([]string, len(c.Paths))
			for i, path := range c.Paths {
				all[i] = "'" + strings.TrimSpace(path+" "+c.Word) + "'"
			}
			return strings.Join(all, "|")
		},
	}).ParseFS(completions, "completion/*")
	if err != nil {
		return fmt.Errorf("reading the completion scripts: %w", err)
	}
	return t.ExecuteTemplate(p.stdout, c.Shell, w)
}

// collect adds a command and those below it.
func (w *words) collect(node *kong.Node, path string) {
	seen := map[string]bool{}
	for _, group := range node.AllFlags(true) {
		for _, f := range group {
			if seen[f.Name] {
				continue
			}
			seen[f.Name] = true
			word := "--" + f.Name
			w.Flags[path] = append(w.Flags[path], suggestion{path, word, f.Help})
			if f.IsBool() {
				continue
			}
			w.Valued = append(w.Valued, word)
			switch {
			case f.Enum != "":
				w.choose(word, path, f.EnumSlice())
			case f.PlaceHolder == "FILE", f.PlaceHolder == "DIR":
				w.Files = append(w.Files, word)
			}
		}
	}
	for _, child := range node.Children {
		w.Commands = append(w.Commands, suggestion{path, child.Name, child.Help})
		w.collect(child, strings.TrimSpace(path+" "+child.Name))
	}
	for _, argument := range node.Positional {
		for _, value := range argument.EnumSlice() {
			if value != "" {
				w.Commands = append(w.Commands, suggestion{path, value, ""})
			}
		}
	}
}

// choose adds the values of a flag at a path.
func (w *words) choose(word, path string, values []string) {
	values = slices.DeleteFunc(values, func(v string) bool { return v == "" }) // the default
	for i := range w.Choices {
		if c := &w.Choices[i]; c.Word == word && slices.Equal(c.Values, values) {
			c.Paths = append(c.Paths, path)
			return
		}
	}
	w.Choices = append(w.Choices, choice{word, []string{path}, values})
}
