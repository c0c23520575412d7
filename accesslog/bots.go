package accesslog

import (
	_ "embed"
	"fmt"
	"regexp"
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"
)

// botPatterns are the patterns of https://github.com/monperrus/crawler-user-agents. Its own Go
// package compiles them when the program starts, whatever the command. `make bots` renews the list.
//
//go:embed bots.txt
var botPatterns string

// botList has the patterns of a list.
type botList struct {
	texts    []string
	patterns []*regexp.Regexp // those that are more than a text
}

// readBots reads a list of regular expressions, one a line. Lines that begin with # are comments.
func readBots(list string) (*botList, error) {
	b := &botList{}
	for line := range strings.Lines(list) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		pattern, err := regexp.Compile(line)
		if err != nil {
			return nil, fmt.Errorf("reading the list of bots: %w", err)
		}
		if text, whole := pattern.LiteralPrefix(); whole {
			b.texts = append(b.texts, text)
		} else {
			b.patterns = append(b.patterns, pattern)
		}
	}
	return b, nil
}

func (b *botList) has(agent string) bool {
	for _, text := range b.texts {
		if strings.Contains(agent, text) {
			return true
		}
	}
	for _, pattern := range b.patterns {
		if pattern.MatchString(agent) {
			return true
		}
	}
	return false
}

const (
	// rememberedAgents is the number of user agents whose answer is kept: looking through the
	// list takes longer than all else about a line, and few agents send most requests.
	rememberedAgents = 4096
	// maxAgent is how many bytes of a user agent are looked at. Servers accept some thousands.
	maxAgent = 1024
)

// Bots recognizes bots by their user agents, if they do not hide. It is not safe for concurrent
// use.
type Bots struct {
	list  *botList
	known *lru.Cache[string, bool]
}

// NewBots reads the list.
func NewBots() (*Bots, error) {
	list, err := readBots(botPatterns)
	if err != nil {
		return nil, err
	}
	known, err := lru.New[string, bool](rememberedAgents)
	if err != nil {
		return nil, fmt.Errorf("remembering user agents: %w", err)
	}
	return &Bots{list: list, known: known}, nil
}

// Has reports whether a user agent is one of the list's bots. An empty one is not.
func (b *Bots) Has(agent []byte) bool {
	if len(agent) > maxAgent {
		agent = agent[:maxAgent]
	}
	name := string(agent)
	if is, known := b.known.Get(name); known {
		return is
	}
	is := b.list.has(name)
	b.known.Add(name, is)
	return is
}
