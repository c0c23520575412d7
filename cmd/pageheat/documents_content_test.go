package main

import (
	"bytes"
	"flag"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"

	"pageheat/codec"
	"pageheat/collect"
	"pageheat/overview"
	"pageheat/topology"
	"pageheat/web"
)

var update = flag.Bool("update", false, "write docs/settings.md again")

// TestSettingsDocument has what `pageheat config reference` prints.
func TestSettingsDocument(t *testing.T) {
	var out, log bytes.Buffer
	require.Equal(t, exitDone, run(t.Context(), []string{"config", "reference"}, strings.NewReader(""), &out, &log), log.String())
	const path = "docs/settings.md"
	old := text(t, path)
	begin := strings.Index(old, "```yaml\n")
	require.Positive(t, begin)
	current := old[:begin] + "```yaml\n" + strings.TrimRight(out.String(), "\n") + "\n```\n"
	if *update {
		require.NoError(t, os.WriteFile(filepath.Join(root, path), []byte(current), 0o600))
		return
	}
	if current != old { // both are long
		t.Error("docs/settings.md is not what the program prints: go test ./cmd/pageheat -run TestSettingsDocument -update writes it again")
	}
}

// TestContractIsComplete: the document names every reason, header, topic, group, command, exit code
// and route.
func TestContractIsComplete(t *testing.T) {
	document := text(t, "docs/contract.md")
	for _, reason := range codec.Codes() {
		assert.Contains(t, document, "`"+string(reason)+"`")
	}
	for _, header := range []string{codec.HeaderTopic, codec.HeaderTopicID, codec.HeaderPartition, codec.HeaderOffset, codec.HeaderReason, codec.HeaderDetail,
		codec.HeaderTruncated, codec.HeaderSize, codec.HeaderSHA256, codec.HeaderKeySize, codec.HeaderTimestamp, codec.HeaderPositions} {
		assert.Contains(t, document, "`"+header+"`")
	}
	topo, err := topology.New(topology.Config{})
	require.NoError(t, err)
	for _, topic := range topo.Topics() {
		assert.Contains(t, document, "\n| `"+topic+"` |")
	}
	for _, group := range []string{topo.IngestGroup, topo.HeatGroup, topo.RankGroup} {
		assert.Contains(t, document, "`"+group+"`")
	}
	model, err := parse([]string{"version"}, &bytes.Buffer{}, &bytes.Buffer{})
	require.NoError(t, err)
	for _, command := range model.parsed.Model.Children {
		assert.Contains(t, document, "`pageheat "+command.Name+"`")
	}
	for _, code := range []int{exitDone, exitFailed, exitUsage, exitDifference, exitInterrupted} {
		assert.Contains(t, document, "\n| "+strconv.Itoa(code)+" |")
	}
	collector := collect.New(collect.Config{})
	routes, err := web.Routes(web.Config{Listen: "127.0.0.1:0", Metrics: http.NotFoundHandler(), Logger: slog.New(slog.DiscardHandler),
		Serve:   web.Serve{Boards: struct{ web.BoardReader }{}, Cluster: &overview.Overview{}},
		Collect: web.Collect{Collector: collector, MaxBytes: 1, Rate: 1, Burst: 1}})
	require.NoError(t, err)
	dashboard := regexp.MustCompile(`^/(names|common|boards|compare|graph|operation|app)\.js$|^/style\.css$|^/icon\.svg$|^/debug/pprof/.`)
	for _, route := range routes {
		if path := strings.TrimSuffix(route.Path, "{$}"); !dashboard.MatchString(path) {
			assert.Regexp(t, "`"+regexp.QuoteMeta(path)+"[`?]", document)
		}
	}
}

// TestFiguresAreMeasured: the figures of other documents are those of docs/benchmarks.md.
func TestFiguresAreMeasured(t *testing.T) {
	measured := text(t, "docs/benchmarks.md")
	figure := regexp.MustCompile(`\b\d+(?:,\d{3})+\b|\b\d+\.\d+\b`)
	for _, section := range []struct{ document, heading string }{
		{"docs/comparison.md", "## Figures\n"},
		{"docs/operations.md", "## Sizing\n"},
	} {
		_, rest, found := strings.Cut(text(t, section.document), section.heading)
		require.True(t, found, section)
		rest, _, _ = strings.Cut(rest, "\n#")
		figures := figure.FindAllString(rest, -1)
		require.NotEmpty(t, figures)
		for _, f := range figures {
			assert.Regexp(t, `(^|[^\d,.])`+regexp.QuoteMeta(f)+`([^\d]|$)`, measured, "%s, %s: %s", section.document, section.heading, f)
		}
	}
}

// TestIssueForms have what GitHub requires.
func TestIssueForms(t *testing.T) {
	for _, name := range []string{"bug", "feature"} {
		var form struct {
			Name, Description string
			Labels            []string
			Body              []struct {
				Type, ID   string
				Attributes struct {
					Label, Value, Description, Render string
					Options                           []struct{ Label string }
				}
				Validations struct{ Required bool }
			}
		}
		decoder := yaml.NewDecoder(strings.NewReader(text(t, ".github/ISSUE_TEMPLATE/"+name+".yml")))
		decoder.KnownFields(true)
		require.NoError(t, decoder.Decode(&form), name)
		assert.NotEmpty(t, form.Name)
		assert.NotEmpty(t, form.Description)
		ids := map[string]bool{}
		for _, element := range form.Body {
			switch element.Type {
			case "markdown":
				assert.NotEmpty(t, element.Attributes.Value, name)
				continue
			case "checkboxes":
				assert.NotEmpty(t, element.Attributes.Options, name)
			default:
				assert.Contains(t, []string{"textarea", "input"}, element.Type, name)
			}
			assert.NotEmpty(t, element.Attributes.Label, "%s: %s", name, element.ID)
			assert.False(t, ids[element.ID], "%s: two are called %q", name, element.ID)
			ids[element.ID] = true
		}
	}
}
