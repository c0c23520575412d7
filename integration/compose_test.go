package integration

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"
)

// compose reads docker-compose.yml as docker compose does: an unknown key or a value
// of the wrong kind is an error.
func compose(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join("..", "docker-compose.yml")}, cli.WithOsEnv, cli.WithProfiles([]string{"*"}))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

// The roles, each its own service.
var roles = []string{"ingest", "heat", "rank", "serve", "collect"}

func TestComposeBrokersReplicate(t *testing.T) {
	project := compose(t)
	brokers := 0
	for _, s := range project.Services {
		if !strings.HasPrefix(s.Image, "apache/kafka:4.") {
			continue
		}
		brokers++
		for name, want := range map[string]string{
			"KAFKA_NODE_ID":                                  strings.TrimPrefix(s.Name, "kafka-"),
			"KAFKA_DEFAULT_REPLICATION_FACTOR":               "3",
			"KAFKA_MIN_INSYNC_REPLICAS":                      "2",
			"KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR":         "3",
			"KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "3",
			"KAFKA_TRANSACTION_STATE_LOG_MIN_ISR":            "2",
			"KAFKA_AUTO_CREATE_TOPICS_ENABLE":                "false",
		} {
			if assert.Contains(t, s.Environment, name, s.Name) {
				assert.Equal(t, want, *s.Environment[name], "%s of %s", name, s.Name)
			}
		}
		assert.NotNil(t, s.HealthCheck, s.Name)
		assert.NotEmpty(t, s.Restart, s.Name)
		require.NotNil(t, s.StopGracePeriod, s.Name)
		assert.NotEmpty(t, s.Volumes, "%s keeps its data", s.Name)
	}
	assert.Equal(t, 3, brokers)
}

func TestComposeCreatesTopicsFirst(t *testing.T) {
	project := compose(t)
	topics, err := project.GetService("topics")
	require.NoError(t, err)
	command := strings.Join(topics.Command, " ")
	assert.Contains(t, command, "topics create")
	assert.Contains(t, command, "--replication 3")
	for _, broker := range []string{"kafka-1", "kafka-2", "kafka-3"} {
		assert.Equal(t, types.ServiceConditionHealthy, topics.DependsOn[broker].Condition, broker)
	}
	for _, name := range append(slices.Clone(roles), "simulator") {
		s, err := project.GetService(name)
		require.NoError(t, err)
		assert.Equal(t, types.ServiceConditionCompletedSuccessfully, s.DependsOn["topics"].Condition, name)
	}
}

// TestComposeWithEvents: one variable gives the topics and the roles events of boards.
func TestComposeWithEvents(t *testing.T) {
	for _, set := range []string{"", "true"} {
		t.Setenv("PAGEHEAT_EVENTS", set)
		project := compose(t)
		for _, name := range append(slices.Clone(roles), "topics") {
			s, err := project.GetService(name)
			require.NoError(t, err)
			if assert.Contains(t, s.Environment, "PAGEHEAT_EVENTS", name) {
				assert.Equal(t, strconv.FormatBool(set != ""), *s.Environment["PAGEHEAT_EVENTS"], name)
			}
		}
	}
}

// TestComposeHasBoards: all instances have the same, and they are valid.
func TestComposeHasBoards(t *testing.T) {
	project := compose(t)
	for _, name := range roles {
		s, err := project.GetService(name)
		require.NoError(t, err)
		require.NotNil(t, s.Environment["PAGEHEAT_BOARDS"], name)
		check := exec.CommandContext(t.Context(), shared.program, "config", "show")
		check.Env = []string{"PAGEHEAT_BOARDS=" + *s.Environment["PAGEHEAT_BOARDS"]}
		shown, err := check.CombinedOutput()
		require.NoError(t, err, "%s", shown)
		assert.Contains(t, string(shown), "half-life")
	}
}

func TestComposeRolesCanBeScaled(t *testing.T) {
	project := compose(t)
	for _, name := range roles {
		s, err := project.GetService(name)
		require.NoError(t, err)
		assert.Equal(t, []string{"run", "--roles", name}, []string(s.Command[:3]))
		assert.NotContains(t, strings.Join(s.Command, " "), "--instance-id", "copies of %s would share it", name)
		assert.Empty(t, s.ContainerName, name)
		for _, p := range s.Ports {
			if p.Published != "" {
				assert.Contains(t, p.Published, "-", "%s needs a range of ports on the host", name)
			}
		}
		// Every instance answers where the image's health check asks, whatever its roles.
		assert.Nil(t, s.HealthCheck, name)
		assert.Contains(t, strings.Join(s.Command, " "), "--listen 0.0.0.0:8080 --allow-hosts "+name, name)
		assert.NotEmpty(t, s.Restart, name)
		require.NotNil(t, s.StopGracePeriod, name)
		// A session's last flush and commit may take up to the rebalance timeout.
		assert.Greater(t, time.Duration(*s.StopGracePeriod), time.Minute, name)
		if assert.NotNil(t, s.Build, name) {
			assert.FileExists(t, filepath.Join(s.Build.Context, "Dockerfile"))
		}
	}
}

// TestComposeContainersAreConfined: pageheat needs no rights in its container, and what does not
// serve HTTP has no health check.
func TestComposeContainersAreConfined(t *testing.T) {
	for _, s := range compose(t).Services {
		if s.Image != "pageheat:local" {
			continue
		}
		assert.True(t, s.ReadOnly, s.Name)
		assert.Equal(t, []string{"ALL"}, s.CapDrop, s.Name)
		assert.Contains(t, s.SecurityOpt, "no-new-privileges:true", s.Name)
		if s.Command[0] != "run" && assert.NotNil(t, s.HealthCheck, s.Name) {
			assert.True(t, s.HealthCheck.Disable, s.Name)
		}
	}
}

// TestComposeShowsMetrics: with the profile metrics, Prometheus scrapes every role and has the alerts,
// and Grafana has Prometheus and the dashboard.
func TestComposeShowsMetrics(t *testing.T) {
	project := compose(t)
	mounted := func(service string) map[string]string {
		s, err := project.GetService(service)
		require.NoError(t, err)
		assert.Equal(t, []string{"metrics"}, s.Profiles, service)
		files := map[string]string{}
		for _, v := range s.Volumes {
			if v.Type == types.VolumeTypeBind {
				assert.True(t, v.ReadOnly, v.Source)
				files[v.Target] = v.Source
			}
		}
		return files
	}
	read := func(file string, into any) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NoError(t, yaml.Load(text, into, yaml.WithKnownFields()), file)
	}

	prometheus := mounted("prometheus")
	var scraped struct {
		Global    map[string]string `yaml:"global"`
		RuleFiles []string          `yaml:"rule_files"`
		Scrapes   []struct {
			Job string `yaml:"job_name"`
			DNS []struct {
				Names   []string `yaml:"names"`
				Type    string   `yaml:"type"`
				Port    int      `yaml:"port"`
				Refresh string   `yaml:"refresh_interval"`
			} `yaml:"dns_sd_configs"`
		} `yaml:"scrape_configs"`
	}
	read(prometheus["/etc/prometheus/prometheus.yml"], &scraped)
	assert.Equal(t, roles, scraped.Scrapes[0].DNS[0].Names)
	assert.Equal(t, 8080, scraped.Scrapes[0].DNS[0].Port)
	for _, file := range scraped.RuleFiles {
		assert.FileExists(t, prometheus[file])
	}

	grafana := mounted("grafana")
	var sources struct {
		Version int                 `yaml:"apiVersion"`
		Sources []map[string]string `yaml:"datasources"`
	}
	read(grafana["/etc/grafana/provisioning/datasources/pageheat.yml"], &sources)
	assert.Equal(t, "http://prometheus:9090", sources.Sources[0]["url"])
	var dashboards struct {
		Version   int `yaml:"apiVersion"`
		Providers []struct {
			Name    string            `yaml:"name"`
			Type    string            `yaml:"type"`
			Options map[string]string `yaml:"options"`
		} `yaml:"providers"`
	}
	read(grafana["/etc/grafana/provisioning/dashboards/pageheat.yml"], &dashboards)
	assert.FileExists(t, filepath.Join(grafana[dashboards.Providers[0].Options["path"]], "pageheat.json"))
}

// TestTheImageIsConfined: nobody is root in the image, and its health check needs no shell.
func TestTheImageIsConfined(t *testing.T) {
	text, err := os.ReadFile("../Dockerfile")
	require.NoError(t, err)
	_, image, found := strings.Cut(string(text), "gcr.io/distroless/static")
	require.True(t, found)
	assert.Contains(t, image, "\nUSER 65532:65532\n")
	assert.Regexp(t, `HEALTHCHECK .*CMD \["/usr/bin/pageheat", "healthcheck"\]`, image)
	assert.NotContains(t, image, "\nRUN ")
}

// TestComposeUsesKnownFlags asks the program itself.
func TestComposeUsesKnownFlags(t *testing.T) {
	for _, s := range compose(t).Services {
		if s.Image != "pageheat:local" {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			known := assertKnown(t, shared.program, s.Command)
			for name := range s.Environment {
				if name == "PAGEHEAT_BOARDS" { // see TestComposeHasBoards
					continue
				}
				flag := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(name, "PAGEHEAT_")), "_", "-")
				assert.Contains(t, known, "--"+flag, "environment variable %s", name)
			}
		})
	}
}

// assertKnown checks that the command exists and accepts the flags. It returns all flags of the
// command.
func assertKnown(t *testing.T, program string, command []string) []string {
	t.Helper()
	words := command
	if i := slices.IndexFunc(command, func(w string) bool { return strings.HasPrefix(w, "-") }); i >= 0 {
		words = command[:i]
	}
	help, err := exec.CommandContext(t.Context(), program, append(slices.Clone(words), "--help")...).CombinedOutput()
	require.NoError(t, err, "%s", help)
	known := regexp.MustCompile(`--[a-z][a-z-]*`).FindAllString(string(help), -1)
	for _, w := range command {
		if strings.HasPrefix(w, "--") {
			flag, _, _ := strings.Cut(w, "=")
			assert.Contains(t, known, flag, "%v", command)
		}
	}
	return known
}
