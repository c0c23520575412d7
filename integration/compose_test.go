package integration

import (
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// compose reads docker-compose.yml as docker compose does: an unknown key or a value
// of the wrong kind is an error.
func compose(t *testing.T) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{filepath.Join("..", "docker-compose.yml")}, cli.WithProfiles([]string{"*"}))
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
		if assert.NotNil(t, s.HealthCheck, name) {
			// Every instance answers here, whatever its roles.
			assert.Contains(t, strings.Join(s.HealthCheck.Test, " "), "http://127.0.0.1:8080/readyz", name)
			assert.Contains(t, strings.Join(s.Command, " "), "--listen 0.0.0.0:8080 --allow-hosts "+name, name)
		}
		assert.NotEmpty(t, s.Restart, name)
		require.NotNil(t, s.StopGracePeriod, name)
		// A session's last flush and commit may take up to the rebalance timeout.
		assert.Greater(t, time.Duration(*s.StopGracePeriod), time.Minute, name)
		if assert.NotNil(t, s.Build, name) {
			assert.FileExists(t, filepath.Join(s.Build.Context, "Dockerfile"))
		}
	}
}

// TestComposeUsesKnownFlags asks the program itself.
func TestComposeUsesKnownFlags(t *testing.T) {
	program := filepath.Join(t.TempDir(), "pageheat")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../cmd/pageheat").CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, s := range compose(t).Services {
		if s.Image != "pageheat:local" {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			known := assertKnown(t, program, s.Command)
			for name := range s.Environment {
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
