package topology

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Formats are the formats of [Topology.Print].
func Formats() []string { return []string{"text", "mermaid", "dot"} }

// Print draws the graph: "text" for a terminal, "mermaid" for Markdown, "dot" for Graphviz. It
// returns an error for other formats and for failed writes.
func (t *Topology) Print(w io.Writer, format string) error {
	var b bytes.Buffer
	switch format {
	case "text":
		t.Graph().text(&b)
	case "mermaid":
		t.Graph().mermaid(&b)
	case "dot":
		t.Graph().dot(&b)
	default:
		return fmt.Errorf("topology format %q: choose one of %s", format, strings.Join(Formats(), ", "))
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("printing the topology: %w", err)
	}
	return nil
}

// label is a node's name in the brackets of its kind.
func (n Node) label() string {
	switch n.Kind {
	case Stream:
		return "[" + n.Name + "]"
	case Table:
		return "{" + n.Name + "}"
	case Group:
		return "(" + n.Name + ")"
	default:
		return n.Name
	}
}

// note is the text next to a node.
func (n Node) note() string {
	switch n.Kind {
	case Outside:
		return n.Does
	case Group:
		return "group: " + n.Does
	default:
		return fmt.Sprintf("%s, %s: %s", n.Kind, n.Count, n.Does)
	}
}

// text draws the path of a behaviour from top to bottom, and the topics off this path on
// branches of the group before.
func (g Graph) text(b *bytes.Buffer) {
	type row struct{ left, note string }
	var rows []row
	first := true
	for i, n := range g.Nodes {
		switch {
		case i > 0 && g.beside(n):
			arrow := "  ├──► "
			if g.both(n) {
				arrow = "  ├◄─► "
			}
			rows = append(rows, row{arrow + n.label(), n.note()})
		case i > 0 && g.beyond(n):
			// Readers of a branch are named with it.
			rows[len(rows)-1].note += " (" + n.Name + ": " + n.Does + ")"
		default:
			if !first {
				rows = append(rows, row{left: "  │"}, row{left: "  ▼"})
			}
			first = false
			rows = append(rows, row{n.label(), n.note()})
		}
	}
	width := 0
	for _, r := range rows {
		width = max(width, utf8.RuneCountInString(r.left))
	}
	for _, r := range rows {
		if r.note == "" {
			fmt.Fprintf(b, "%s\n", r.left)
			continue
		}
		fmt.Fprintf(b, "%s%s  %s\n", r.left, strings.Repeat(" ", width-utf8.RuneCountInString(r.left)), r.note)
	}
}

// both reports whether a group reads a topic that it writes.
func (g Graph) both(n Node) bool {
	return n.isTopic() && slices.ContainsFunc(g.Edges, func(e Edge) bool { return e.From == n.Name && g.has(e.To, n.Name) })
}

// beside reports whether a topic is off the path: one that a group reads and writes, or a stream that no group reads
// while its writer also writes one further on.
func (g Graph) beside(n Node) bool {
	if g.both(n) {
		return true
	}
	return n.Kind == Stream && g.feedsOnly(n, Outside) && !g.last(n)
}

// beyond reports whether a node is outside and reads only branches.
func (g Graph) beyond(n Node) bool {
	if n.Kind != Outside {
		return false
	}
	for _, e := range g.Edges {
		if e.To == n.Name {
			from, _ := g.node(e.From)
			return g.beside(from)
		}
	}
	return false
}

// feedsOnly reports whether all readers of a node are of one kind.
func (g Graph) feedsOnly(n Node, kind Kind) bool {
	for _, e := range g.Edges {
		if to, ok := g.node(e.To); ok && e.From == n.Name && to.Kind != kind {
			return false
		}
	}
	return true
}

// last reports whether no other stream comes after this one.
func (g Graph) last(n Node) bool {
	for _, other := range slices.Backward(g.Nodes) {
		if other.Kind == Stream {
			return other.Name == n.Name
		}
	}
	return false
}

// ids gives every node a short name that needs no quoting.
func (g Graph) ids() map[string]string {
	ids := make(map[string]string, len(g.Nodes))
	for i, n := range g.Nodes {
		ids[n.Name] = fmt.Sprintf("n%d", i)
	}
	return ids
}

// mermaid draws a flow chart: https://mermaid.js.org/syntax/flowchart.html
func (g Graph) mermaid(b *bytes.Buffer) {
	ids := g.ids()
	b.WriteString("flowchart TD\n")
	for _, n := range g.Nodes {
		opening, closing := "[", "]"
		switch n.Kind {
		case Table:
			opening, closing = "[(", ")]"
		case Group:
			opening, closing = "([", "])"
		case Outside:
			opening, closing = ">", "]"
		}
		fmt.Fprintf(b, "    %s%s\"%s<br/>%s\"%s\n", ids[n.Name], opening, n.Name, n.note(), closing)
	}
	for _, e := range g.Edges {
		switch {
		case g.has(e.To, e.From) && g.from(e).isTopic():
			// Drawn once, with the edge of the group.
		case g.has(e.To, e.From):
			fmt.Fprintf(b, "    %s <--> %s\n", ids[e.From], ids[e.To])
		default:
			fmt.Fprintf(b, "    %s --> %s\n", ids[e.From], ids[e.To])
		}
	}
}

// dot draws a graph for Graphviz: https://graphviz.org/doc/info/lang.html
func (g Graph) dot(b *bytes.Buffer) {
	b.WriteString("digraph pageheat {\n\tnode [fontname=\"Helvetica\"];\n")
	for _, n := range g.Nodes {
		shape := "plaintext"
		switch n.Kind {
		case Stream:
			shape = "box"
		case Table:
			shape = "cylinder"
		case Group:
			shape = "ellipse"
		}
		fmt.Fprintf(b, "\t%q [shape=%s, label=\"%s\\n%s\"];\n", n.Name, shape, n.Name, n.note())
	}
	for _, e := range g.Edges {
		switch {
		case g.has(e.To, e.From) && g.from(e).isTopic():
			// Drawn once, with the edge of the group.
		case g.has(e.To, e.From):
			fmt.Fprintf(b, "\t%q -> %q [dir=both];\n", e.From, e.To)
		default:
			fmt.Fprintf(b, "\t%q -> %q;\n", e.From, e.To)
		}
	}
	b.WriteString("}\n")
}

func (g Graph) from(e Edge) Node {
	n, _ := g.node(e.From)
	return n
}
