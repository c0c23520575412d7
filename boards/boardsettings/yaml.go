package boardsettings

import (
	"errors"
	"fmt"

	"go.yaml.in/yaml/v4"

	"pageheat/boards"
)

// Read reads boards that are used beside each other from the node of a configuration file: a mapping of
// their names to mappings of settings, such as
//
//	hour:
//	  kind: window
//	  window: 1h
//	sport:
//	  kind: trending
//	  half-life: 2h
//	  include: [/sport/.*, /olympia/.*]
//
// The error joins all that is wrong, each with its board, and what with where it is, such as
// "config file pageheat.yaml: ", and the line.
func Read(node *yaml.Node, where string, defaults Defaults) ([]boards.Definition, error) {
	node = resolved(node)
	if node.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%sline %d: boards must be a mapping of names to settings", where, node.Line)
	}
	var errs []error
	var written []board
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, settings := node.Content[i], resolved(node.Content[i+1])
		b := board{name: name.Value, where: fmt.Sprintf("%sline %d: ", where, name.Line)}
		if settings.Kind != yaml.MappingNode {
			errs = append(errs, fmt.Errorf("%sboard %q: must be a mapping of settings, such as `kind: window`", b.where, b.name))
			continue
		}
		for j := 0; j+1 < len(settings.Content); j += 2 {
			setting := settings.Content[j].Value
			values, err := texts(resolved(settings.Content[j+1]), setting)
			if err != nil {
				errs = append(errs, b.problem(setting, err))
			}
			b.values = append(b.values, values...)
		}
		written = append(written, b)
	}
	// A board that could not be read would be told that settings are missing.
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return defineAll(written, defaults)
}

// texts returns a value, or each of a list for the settings that may have several.
func texts(node *yaml.Node, setting string) ([]value, error) {
	switch {
	case isScalar(node):
		return []value{{setting, node.Value}}, nil
	case node.Kind == yaml.SequenceNode && (setting == "include" || setting == "exclude"):
		var values []value
		for _, item := range node.Content {
			item = resolved(item)
			if !isScalar(item) {
				return nil, fmt.Errorf("line %d: a list must have plain values", item.Line)
			}
			values = append(values, value{setting, item.Value})
		}
		return values, nil
	case setting == "include" || setting == "exclude":
		return nil, errors.New("must be a pattern or a list of patterns")
	default:
		return nil, errors.New("must be a plain value")
	}
}

func isScalar(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag != "!!null" }

func resolved(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

// Write returns a definition as [Read] takes it for the name of the board, with all settings that its kind
// has: a mapping in flow style. The definition must be complete and valid.
func Write(d boards.Definition) *yaml.Node {
	settings := flow(yaml.MappingNode)
	for _, v := range valuesOf(&d) {
		settings.Content = append(settings.Content, scalar(v.setting), scalar(v.text))
	}
	for _, list := range patternsOf(&d) {
		items := flow(yaml.SequenceNode)
		for _, pattern := range list.patterns {
			items.Content = append(items.Content, scalar(pattern))
		}
		settings.Content = append(settings.Content, scalar(list.setting), items)
	}
	return settings
}

func flow(kind yaml.Kind) *yaml.Node { return &yaml.Node{Kind: kind, Style: yaml.FlowStyle} }

func scalar(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }
