package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
	"go.yaml.in/yaml/v4"

	"pageheat/failure"
	"pageheat/secret"
)

// settings finds the value of a flag that is not on the command line: kong has read
// the environment already, so only the file is left, and the errors of both.
// It is a kong.Resolver.
type settings struct {
	file string
	keys map[string]setting
	// properties are the settings of a file of Java properties, by the names of flags.
	properties     map[string]string
	propertiesFile string // its name, empty without one
	// origin says where the value of a flag came from that was not on the
	// command line, nor its default.
	origin map[string]string
}

// setting is a key of the file.
type setting struct {
	values []string // one, or those of a list
	line   int
	node   *yaml.Node // of a key whose value is a mapping, see boardsKey
}

// text is the value as the flag takes it.
func (s setting) text(flag *kong.Flag) string {
	separator := ','
	if flag.IsSlice() && flag.Tag.Sep > 0 {
		separator = flag.Tag.Sep
	}
	return strings.Join(s.values, string(separator))
}

// configFile is the flag that names the file.
type configFile string

// BeforeResolve reads the file; kong calls it before it asks settings for values.
func (configFile) BeforeResolve(ctx *kong.Context, trace *kong.Path, s *settings) error {
	name, _ := ctx.FlagValue(trace.Flag).(configFile)
	if name == "" {
		return nil
	}
	return s.load(string(name))
}

// load reads the file. Its errors name the file, the line and the key.
func (s *settings) load(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	defer func() { _ = f.Close() }() // read only: nothing can get lost
	s.file = name
	s.keys, err = readKeys(f)
	if err != nil {
		return fmt.Errorf("config file %s: %w", name, err)
	}
	return nil
}

// readKeys reads one YAML mapping of keys to scalars or lists of scalars; [boardsKey] has a mapping.
func readKeys(r io.Reader) (map[string]setting, error) {
	var doc yaml.Node
	decoder := yaml.NewDecoder(r)
	if err := decoder.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 || isNull(doc.Content[0]) {
		return nil, nil
	}
	top := doc.Content[0]
	if top.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: it must hold keys and values, such as `brokers: localhost:9092`", top.Line)
	}
	keys := make(map[string]setting, len(top.Content)/2)
	for i := 0; i+1 < len(top.Content); i += 2 {
		key, node := top.Content[i], top.Content[i+1]
		if earlier, twice := keys[key.Value]; twice {
			return nil, fmt.Errorf("line %d: key %q: already given in line %d", key.Line, key.Value, earlier.line)
		}
		if key.Value == boardsKey && !isNull(node) {
			keys[key.Value] = setting{node: node, line: key.Line}
			continue
		}
		values, err := scalars(node)
		if err != nil {
			return nil, fmt.Errorf("line %d: key %q: %w", key.Line, key.Value, err)
		}
		keys[key.Value] = setting{values: values, line: key.Line}
	}
	if err := decoder.Decode(&doc); !errors.Is(err, io.EOF) {
		return nil, errors.New("it must be one YAML document")
	}
	return keys, nil
}

// scalars are a node's values.
func scalars(node *yaml.Node) ([]string, error) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	switch {
	case isNull(node):
		return nil, errors.New("it has no value")
	case node.Kind == yaml.ScalarNode:
		return []string{node.Value}, nil
	case node.Kind == yaml.SequenceNode:
		items := make([]string, len(node.Content))
		for i, item := range node.Content {
			if item.Kind != yaml.ScalarNode || isNull(item) {
				return nil, errors.New("a list must hold plain values")
			}
			items[i] = item.Value
		}
		return items, nil
	default:
		return nil, errors.New("it must be a plain value or a list of them")
	}
}

func isNull(node *yaml.Node) bool { return node.Kind == yaml.ScalarNode && node.Tag == "!!null" }

// Validate refuses keys and environment variables that no command knows.
func (s *settings) Validate(app *kong.Application) error {
	if err := checkEnvironment(app); err != nil {
		return err
	}
	var known []string
	eachFlag(app.Node, func(f *kong.Flag) {
		if f.Name != "config" && len(f.Envs) > 0 {
			known = append(known, keyOf(f))
			if ofCommand(f) {
				known = append(known, f.Name)
			}
		}
	})
	var unknown []string
	for key, at := range s.keys {
		if !slices.Contains(known, key) {
			unknown = append(unknown, fmt.Sprintf("config file %s: line %d: unknown key %q%s", s.file, at.line, key, nearest(key, known)))
		}
	}
	if unknown == nil {
		return nil
	}
	slices.Sort(unknown)
	return fmt.Errorf("%s (the keys are the names of flags, see `pageheat COMMAND --help`)", strings.Join(unknown, "; "))
}

// Resolve gives kong the file's value of a flag that neither the command line nor
// the environment sets, and then that of the file of Java properties.
func (s *settings) Resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	for _, name := range flag.Envs {
		if value, set := os.LookupEnv(name); set {
			// kong has taken it; here its error gets the variable's name.
			return nil, s.try(flag, value, "environment variable "+name)
		}
	}
	if ofCommand(flag) {
		name := envOf(flag.Name)
		if value, set := os.LookupEnv(name); set {
			if taken, err := s.shared(ctx, flag, value, "environment variable "+name); taken || err != nil {
				return value, err
			}
		}
	}
	inFile := func(key string) string {
		return fmt.Sprintf("config file %s: line %d: key %q", s.file, s.keys[key].line, key)
	}
	if at, set := s.keys[keyOf(flag)]; set && flag.Name != "config" {
		where := inFile(keyOf(flag))
		if at.node != nil {
			s.found(flag, where)
			return at.node, nil
		}
		return at.text(flag), s.try(flag, at.text(flag), where)
	}
	if at, set := s.keys[flag.Name]; set && ofCommand(flag) {
		if taken, err := s.shared(ctx, flag, at.text(flag), inFile(flag.Name)); taken || err != nil {
			return at.text(flag), err
		}
	}
	if err := s.loadProperties(); err != nil {
		return nil, err
	}
	// A secret in a file of its own wins over one among the properties.
	if value, set := s.properties[flag.Name]; set && !s.given(ctx, flag.Name+"-file") {
		return value, s.try(flag, value, "properties file "+s.propertiesFile)
	}
	return nil, nil
}

// shared takes a value under a name that means something else in another command. The value is for
// those commands whose flag takes it, and an error if there is none.
func (s *settings) shared(ctx *kong.Context, flag *kong.Flag, text, where string) (taken bool, err error) {
	owned := false // by a command whose key is the plain name
	eachFlag(ctx.Model.Node, func(other *kong.Flag) { owned = owned || keyOf(other) == flag.Name })
	if owned {
		return false, nil
	}
	if err = s.try(flag, text, where); err == nil {
		return true, nil
	}
	eachFlag(ctx.Model.Node, func(other *kong.Flag) {
		if other.Name == flag.Name && takes(other, text) == nil {
			err = nil
		}
	})
	return false, err
}

// try takes a value, with an error that says where it stands.
func (s *settings) try(flag *kong.Flag, text, where string) error {
	if err := takes(flag, text); err != nil {
		return fmt.Errorf("%s: %q: %w", where, text, err)
	}
	s.found(flag, where)
	return nil
}

// takes reads a value into a scratch variable.
func takes(flag *kong.Flag, text string) error {
	value := *flag.Value
	scratch := reflect.New(value.Target.Type()).Elem()
	err := value.Mapper.Decode(&kong.DecodeContext{
		Value: &value,
		Scan:  kong.Scan().PushTyped(text, kong.FlagValueToken),
	}, scratch)
	if err == nil && flag.Enum != "" && !slices.Contains(flag.EnumSlice(), fmt.Sprint(scratch)) {
		return fmt.Errorf("must be one of %s", strings.Join(flag.EnumSlice(), ", "))
	}
	return err
}

// found notes where a flag's value stands.
func (s *settings) found(flag *kong.Flag, where string) {
	if s.origin == nil {
		s.origin = map[string]string{}
	}
	s.origin[flag.Name] = where
}

// keyOf is the key of a flag in the configuration file: its name, unless the flag gives one of several
// and the key has them all, or the name means something else in another command, and the key has the
// command's name before it.
func keyOf(flag *kong.Flag) string {
	if key := flag.Tag.Get("key"); key != "" {
		return key
	}
	return flag.Name
}

// ofCommand reports whether the key of a flag has its command's name before it.
func ofCommand(flag *kong.Flag) bool { return strings.HasSuffix(keyOf(flag), "-"+flag.Name) }

// refuseSecrets refuses secrets among the arguments: other users of the machine and
// /debug/pprof/cmdline can read them.
func refuseSecrets(ctx *kong.Context) error {
	for _, trace := range ctx.Path {
		if trace.Flag == nil || trace.Resolved || trace.Flag.Target.Type() != reflect.TypeFor[secret.Text]() {
			continue
		}
		return usageError{fmt.Errorf("--%s: secrets are not accepted as arguments: use --%[1]s-file or the environment variable %s", trace.Flag.Name, strings.Join(trace.Flag.Envs, " "))}
	}
	return nil
}

// explain adds to the error of a flag where its value stands.
func (s *settings) explain(err error) error {
	var setting *failure.Setting
	if errors.As(err, &setting) && s.origin[setting.Name] != "" {
		return fmt.Errorf("%s: %w", s.origin[setting.Name], err)
	}
	return err
}
