package main

import (
	_ "embed"
	"fmt"
	"go/doc/comment"
	"regexp"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"
	"github.com/cpuguy83/go-md2man/v2/md2man"
)

// manual is the source of the manual: the comment of this package.
//
//go:embed doc.go
var manual string

// manCmd prints the man page: the manual, and every command with its flags.
type manCmd struct{}

// Help says how to read it.
func (*manCmd) Help() string {
	return `It is in the format of man:

  pageheat man | man -l -`
}

// Run prints the page.
func (*manCmd) Run(ctx *kong.Context, p *program) error {
	var page manPage
	version, _ := buildVersion()
	page.print("# pageheat 1 %q %q %q\n\n", buildDate(), "pageheat "+version, "User Commands")
	page.print("# NAME\n\npageheat - the hottest pages of a site, exactly, from a stream of behaviours in Kafka\n\n")
	page.print("# SYNOPSIS\n\n**pageheat** *COMMAND* [*FLAGS*]\n\n# DESCRIPTION\n\n")
	page.text(regexp.MustCompile(`(?m)^// ?|^package main$`).ReplaceAllString(manual, ""), "")
	page.print("# COMMANDS\n\n")
	for _, command := range ctx.Model.Leaves(true) {
		page.command(command)
	}
	page.print("# FLAGS OF EVERY COMMAND\n\n")
	page.flags(ctx.Model.Flags)
	page.print("# FILES\n\n/etc/pageheat/pageheat.yaml\n: Settings of the service of the packages for Linux: the output of `pageheat config reference`.\n\n")
	page.print("/etc/default/pageheat, /etc/sysconfig/pageheat\n: Environment of that service.\n\n")
	_, err := p.stdout.Write(md2man.Render([]byte(page.String())))
	return err
}

// manPage is a man page in Markdown.
type manPage struct{ strings.Builder }

func (m *manPage) print(format string, args ...any) {
	_, _ = fmt.Fprintf(m, format, args...) // a builder takes everything
}

// text adds text in the format of doc comments, each line after the given prefix. Headings become those of
// subsections.
func (m *manPage) text(text, prefix string) {
	var parser comment.Parser
	printer := comment.Printer{HeadingLevel: 3, HeadingID: func(*comment.Heading) string { return "" }}
	m.print("%s%s\n", prefix, printer.Markdown(parser.Parse(text)))
}

// command adds a command with the flags of its own.
func (m *manPage) command(node *kong.Node) {
	m.print("### ")
	m.text("pageheat "+node.Summary(), "")
	m.text(node.Help, "")
	m.text(node.Detail, "")
	if strings.HasPrefix(node.Path(), "config ") {
		if node.Name != "reference" {
			m.print("It takes the flags of **pageheat run**.\n\n")
		}
		return
	}
	m.flags(node.Flags)
}

// flags adds a list of flags.
func (m *manPage) flags(flags []*kong.Flag) {
	for _, flag := range flags {
		if flag.Hidden {
			continue
		}
		m.print("**--%s**", flag.Name)
		if !flag.IsBool() {
			m.print(" *%s*", strings.NewReplacer("|", `\|`, "[", `\[`, "]", `\]`).Replace(flag.PlaceHolder))
		}
		m.print("\n")
		m.text(describe(flag.Value), ": ")
	}
}

// buildDate is the day of the commit that the program was built from, or empty.
func buildDate() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			return regexp.MustCompile(`^\d{4}-\d\d-\d\d`).FindString(s.Value)
		}
	}
	return ""
}
