package test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

const (
	smallest = `brokers: [kafka-1:9092]`

	boards = smallest + `
config:
  boards:
    last-hour: {kind: window, window: 1h, size: 20, max-per-step: 1000000}
    today: {kind: calendar, calendar: day, weight-likes: 2.5, include: ["/a/.*", "/b, c"]}
`

	everything = `
brokers: [kafka-1.example:9094, kafka-2.example:9094]
roles: [ingest, heat, rank, serve, collect]
replicas: 5
image: {repository: registry.example/pageheat, tag: 1.2.3, pullSecrets: [{name: registry}]}
config:
  tls: true
  sasl-mechanism: SCRAM-SHA-512
  sasl-username: pageheat
  max-clicks: 1000000
  weight-clicks: 0.5
  commit-every: 12s
  allow-origins: ["https://forum.example", "https://*.forum.example"]
  http-prefix: /heat
  allow-hosts: [heat.example]
  events: true
  events-kinds: [took-rank-1, rose]
files:
  tls-ca: {configMap: kafka-ca, key: ca.crt}
  tls-cert: {secret: pageheat-tls, key: tls.crt}
  tls-key: {secret: pageheat-tls, key: tls.key}
  sasl-password-file: {secret: kafka, key: password}
  token-file: {secret: pageheat, key: token}
env:
  - {name: PAGEHEAT_WRITE_KEY, valueFrom: {secretKeyRef: {name: pageheat, key: write-key}}}
topics: {create: true, partitions: 12, replication: 3}
store: disk
public: {enabled: true}
networkPolicy:
  enabled: true
  from: [{namespaceSelector: {}}]
  brokerPorts: [9094]
  egress: [{ports: [{port: 443}]}]
serviceMonitor: {enabled: true, labels: {release: prometheus}}
serviceAccount: {annotations: {eks.amazonaws.com/role-arn: "arn:aws:iam::1:role/pageheat"}}
priorityClassName: high
nodeSelector: {kubernetes.io/arch: amd64}
tolerations: [{key: kafka, operator: Exists}]
affinity: {nodeAffinity: {}}
topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]
podAnnotations: {a: b}
podLabels: {team: heat}
`
)

// rendered are the objects of a chart.
type rendered struct {
	set      apps.StatefulSet
	config   core.ConfigMap
	account  core.ServiceAccount
	services []core.Service
	budget   policy.PodDisruptionBudget
	network  networking.NetworkPolicy
	monitor  monitoring.ServiceMonitor
	kinds    []string
}

func values(t *testing.T, text string) (common.Values, error) {
	t.Helper()
	chart, err := loader.LoadDir("../pageheat")
	require.NoError(t, err)
	require.NoError(t, chart.Validate())
	given, err := loader.LoadValues(strings.NewReader(text))
	require.NoError(t, err)
	return util.ToRenderValues(chart, given, common.ReleaseOptions{Name: "pageheat", Namespace: "heat", Revision: 1, IsInstall: true}, nil)
}

// render renders the chart and decodes every object into the type of its API: an unknown or
// misplaced field is an error.
func render(t *testing.T, text string) (r rendered) {
	t.Helper()
	chart, err := loader.LoadDir("../pageheat")
	require.NoError(t, err)
	with, err := values(t, text)
	require.NoError(t, err)
	files, err := engine.Engine{Strict: true}.Render(chart, with)
	require.NoError(t, err)
	for name, file := range files {
		if strings.HasSuffix(name, "NOTES.txt") {
			continue
		}
		for _, object := range regexp.MustCompile(`(?m)^---$`).Split(file, -1) {
			var kind meta.TypeMeta
			require.NoError(t, yaml.Unmarshal([]byte(object), &kind), "%s\n%s", name, object)
			if kind.Kind == "" {
				continue // switched off
			}
			r.kinds = append(r.kinds, kind.APIVersion+" "+kind.Kind)
			var service core.Service
			into := map[string]any{
				"apps/v1 StatefulSet": &r.set, "v1 ConfigMap": &r.config, "v1 ServiceAccount": &r.account, "v1 Service": &service,
				"policy/v1 PodDisruptionBudget": &r.budget, "networking.k8s.io/v1 NetworkPolicy": &r.network,
				"monitoring.coreos.com/v1 ServiceMonitor": &r.monitor,
			}[kind.APIVersion+" "+kind.Kind]
			require.NotNil(t, into, "%s: %v", name, kind)
			require.NoError(t, yaml.UnmarshalStrict([]byte(object), into), "%s\n%s", name, object)
			if service.Name != "" {
				r.services = append(r.services, service)
			}
		}
	}
	slices.Sort(r.kinds)
	return r
}

func TestObjects(t *testing.T) {
	small := []string{"apps/v1 StatefulSet", "policy/v1 PodDisruptionBudget", "v1 ConfigMap", "v1 Service", "v1 Service", "v1 ServiceAccount"}
	assert.Equal(t, small, render(t, smallest).kinds)
	all := append(slices.Clone(small), "networking.k8s.io/v1 NetworkPolicy", "monitoring.coreos.com/v1 ServiceMonitor")
	slices.Sort(all)
	assert.Equal(t, all, render(t, everything).kinds)
}

// TestReferences: what one object names exists in the other.
func TestReferences(t *testing.T) {
	for name, text := range map[string]string{"smallest": smallest, "everything": everything} {
		t.Run(name, func(t *testing.T) {
			r := render(t, text)
			pod := r.set.Spec.Template
			selects := func(s *meta.LabelSelector, of map[string]string) bool {
				selector, err := meta.LabelSelectorAsSelector(s)
				require.NoError(t, err)
				return !selector.Empty() && selector.Matches(labels.Set(of))
			}
			assert.True(t, selects(r.set.Spec.Selector, pod.Labels))
			assert.True(t, selects(r.budget.Spec.Selector, pod.Labels))
			assert.Equal(t, 1, r.budget.Spec.MaxUnavailable.IntValue())
			var ports []string
			for _, container := range pod.Spec.Containers {
				for _, p := range container.Ports {
					ports = append(ports, p.Name)
				}
			}
			var headless string
			for _, s := range r.services {
				assert.True(t, labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(pod.Labels)), s.Name)
				for _, p := range s.Spec.Ports {
					assert.Contains(t, ports, p.TargetPort.String(), s.Name)
				}
				if s.Spec.ClusterIP == core.ClusterIPNone {
					headless = s.Name
				}
				if len(r.monitor.Spec.Endpoints) > 0 {
					// Each pod is scraped once.
					assert.Equal(t, s.Spec.ClusterIP == core.ClusterIPNone, selects(&r.monitor.Spec.Selector, s.Labels), s.Name)
				}
			}
			assert.Equal(t, headless, r.set.Spec.ServiceName)
			assert.Equal(t, r.account.Name, pod.Spec.ServiceAccountName)
			var volumes []string
			for _, v := range pod.Spec.Volumes {
				volumes = append(volumes, v.Name)
				if v.ConfigMap != nil {
					assert.Equal(t, r.config.Name, v.ConfigMap.Name)
				}
			}
			for _, container := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
				var mounted []string
				for _, m := range container.VolumeMounts {
					mounted = append(mounted, m.Name)
				}
				assert.ElementsMatch(t, volumes, mounted, container.Name)
			}
			for _, p := range []*core.Probe{pod.Spec.Containers[0].StartupProbe, pod.Spec.Containers[0].LivenessProbe, pod.Spec.Containers[0].ReadinessProbe} {
				require.NotNil(t, p)
				if p.HTTPGet != nil {
					assert.Contains(t, ports, p.HTTPGet.Port.String())
				}
			}
		})
	}
}

// TestPods: no pod can do more than it needs, and each is a static member of its own.
func TestPods(t *testing.T) {
	for name, text := range map[string]string{"smallest": smallest, "everything": everything} {
		t.Run(name, func(t *testing.T) {
			pod := render(t, text).set.Spec.Template.Spec
			assert.True(t, *pod.SecurityContext.RunAsNonRoot)
			assert.Equal(t, core.SeccompProfileTypeRuntimeDefault, pod.SecurityContext.SeccompProfile.Type)
			assert.False(t, *pod.AutomountServiceAccountToken)
			assert.False(t, *pod.EnableServiceLinks)
			for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
				assert.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
				assert.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
				assert.Equal(t, []core.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
				id := c.Env[slices.IndexFunc(c.Env, func(e core.EnvVar) bool { return e.Name == "PAGEHEAT_INSTANCE_ID" })]
				assert.Equal(t, "metadata.name", id.ValueFrom.FieldRef.FieldPath)
			}
		})
	}
	dynamic := render(t, smallest+"\nstaticMembership: false").set.Spec.Template.Spec.Containers[0]
	assert.False(t, slices.ContainsFunc(dynamic.Env, func(e core.EnvVar) bool { return e.Name == "PAGEHEAT_INSTANCE_ID" }))
}

// TestSecrets: they are referred to and appear nowhere, and with a token whoever needs it has it.
func TestSecrets(t *testing.T) {
	r := render(t, everything)
	pod := r.set.Spec.Template.Spec
	paths := map[string]string{}
	for _, v := range pod.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, s := range v.Projected.Sources {
			if s.Secret != nil {
				paths[s.Secret.Items[0].Path] = "secret " + s.Secret.Name + " " + s.Secret.Items[0].Key
			} else {
				paths[s.ConfigMap.Items[0].Path] = "configMap " + s.ConfigMap.Name + " " + s.ConfigMap.Items[0].Key
			}
		}
	}
	assert.Equal(t, map[string]string{
		"tls-ca": "configMap kafka-ca ca.crt", "tls-cert": "secret pageheat-tls tls.crt", "tls-key": "secret pageheat-tls tls.key",
		"sasl-password-file": "secret kafka password", "token-file": "secret pageheat token",
	}, paths)
	assert.Equal(t, []string{"/usr/bin/pageheat", "healthcheck"}, pod.Containers[0].ReadinessProbe.Exec.Command)
	assert.Equal(t, "/heat/healthz", pod.Containers[0].LivenessProbe.HTTPGet.Path)
	endpoint := r.monitor.Spec.Endpoints[0]
	assert.Equal(t, "/heat/metrics", endpoint.Path)
	assert.Equal(t, "pageheat", endpoint.Authorization.Credentials.Name)
	assert.Equal(t, "/readyz", render(t, smallest).set.Spec.Template.Spec.Containers[0].ReadinessProbe.HTTPGet.Path)
}

func TestSchema(t *testing.T) {
	for _, text := range []string{
		"replicas: 1", // no brokers
		smallest + "\nreplica: 1",
		smallest + "\nroles: [cook]",
		smallest + "\nconfig: {sasl-password: x}",
		smallest + "\nconfig: {instance-id: x}",
		smallest + "\nconfig: {publish-every: {a: b}}",
		smallest + "\nconfig: {boards: [a]}",
		smallest + "\nconfig: {boards: {a: window}}",
		smallest + "\nconfig: {boards: {a: {kind: {b: c}}}}",
		smallest + "\nfiles: {sasl-password-file: {secret: x}}",
		smallest + "\nfiles: {tls-ca: {secret: x, configMap: y, key: z}}",
		smallest + "\nfiles: {token-file: {configMap: x, key: y}}",
		smallest + "\nstore: tape",
	} {
		_, err := values(t, text)
		assert.ErrorContains(t, err, "schema", text)
	}
}

// TestTheProgramTakesTheSettings has the program check the configuration file, environment and arguments of
// the containers, as Kubernetes would pass them.
func TestTheProgramTakesTheSettings(t *testing.T) {
	program := filepath.Join(t.TempDir(), "pageheat")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/pageheat")
	build.Dir = "../../.."
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for name, text := range map[string]string{"smallest": smallest, "boards": boards, "everything": everything} {
		t.Run(name, func(t *testing.T) {
			r := render(t, text)
			files := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(files, "pageheat.yaml"), []byte(r.config.Data["pageheat.yaml"]), 0o600))
			writeFiles(t, files)
			pod := r.set.Spec.Template.Spec
			environment := []string{}
			for _, e := range pod.Containers[0].Env {
				if e.ValueFrom != nil {
					e.Value = "from-elsewhere-0"
				}
				e.Value = strings.NewReplacer("/etc/pageheat/config", files, "/etc/pageheat/files", files, "/var/cache/pageheat", files).Replace(e.Value)
				environment = append(environment, e.Name+"="+e.Value)
			}
			run := func(args ...string) string {
				command := exec.CommandContext(t.Context(), program, args...)
				command.Env = environment
				var said bytes.Buffer
				command.Stdout, command.Stderr = &said, &said
				assert.NoError(t, command.Run(), "%v: %s\n%s", args, &said, r.config.Data["pageheat.yaml"])
				return said.String()
			}
			assert.Equal(t, []string{"run"}, pod.Containers[0].Args)
			assert.Equal(t, "all settings are valid\n", run("config", "check"))
			shown := regexp.MustCompile(` +#.*`).ReplaceAllString(run("config", "show"), "")
			assert.Contains(t, shown, "session-timeout: 30s\n")
			assert.Contains(t, shown, "instance-id: from-elsewhere-0\n")
			assert.Contains(t, shown, "log-format: json\n")
			if name == "boards" {
				assert.Contains(t, shown, "\n  last-hour: {kind: window, size: 20, window: 1h, step: 1m,")
				assert.Contains(t, shown, "max-per-step: 1000000}\n", "not 1e+06")
				assert.Contains(t, shown, "weight-likes: 2.5, min-behaviours: 1, include: [/a/.*, '/b, c']}\n")
			}
			if name == "everything" {
				assert.Contains(t, shown, "max-clicks: 1000000\n", "not 1e+06")
				assert.Contains(t, shown, "weight-clicks: \"0.5\"\n")
				assert.Contains(t, shown, "store: disk\n")
				assert.Contains(t, shown, "events: true\n")
				assert.Contains(t, shown, "events-kinds: [took-rank-1, rose]\n")
				assert.Contains(t, shown, "roles: [ingest, heat, rank, serve, collect]\n")
				assert.Contains(t, shown, "heat.example")
			}
			for _, c := range pod.InitContainers {
				assert.Contains(t, run(append(c.Args, "--help")...), "Create missing topics")
				assert.Equal(t, []string{"topics", "create", "--partitions=12", "--replication=3"}, c.Args)
			}
		})
	}
}

// writeFiles writes a file for each setting that is one.
func writeFiles(t *testing.T, folder string) {
	t.Helper()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	require.NoError(t, err)
	for name, content := range map[string][]byte{
		"tls-ca": certificate, "tls-cert": certificate, "tls-key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"sasl-password-file": []byte("x\n"), "token-file": []byte("y\n"),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	}
}
