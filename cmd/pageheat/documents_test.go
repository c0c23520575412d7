package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"pageheat/integration/kafkatest"
	"pageheat/integration/process"
	"pageheat/integration/samples"
)

// root is the directory of the module.
const root = "../.."

// exclusion is a command of a document that TestCommandsOfTheDocuments does not run.
type exclusion struct {
	document string // its path; empty for all
	command  string // a regular expression
	reason   string // why, and what runs it instead
}

// exclusions are all of them. Each must match a command.
func exclusions() []exclusion {
	return []exclusion{
		{"", `^make\b`, "CI runs make test-all, which runs lint and tests. TestQuick in bench runs what the targets bench* run; chaos is minutes of faults, of which CI runs short rounds"},
		{"README.md", `^go install `, "TestOperatorsWalk in integration builds the program and runs it"},
		{"docs/access-logs.md", `--follow`, "it does not end; TestProduceFollowsALog runs it"},
		{"docs/benchmarks.md", `.`, "measurements take minutes; TestQuick in bench runs every one of them briefly"},
		{"docs/install.md", `^go build `, "the tests of integration build the program"},
		{"docs/install.md", `^(apt|editor|sudo|systemctl|journalctl) `, "they change the machine; .ci/packages installs the package in a folder and runs what it has"},
		{"docs/install.md", `^docker `, "there may be no engine; the tests of the compose file in integration check the Dockerfile too"},
		{"docs/install.md", `^helm `, "there may be no cluster; deploy/helm/test renders the chart"},
		{"docs/library.md", `^go `, "needs a module of the reader's own; the test of examples/library runs the program"},
		{"docs/operations.md", `^go tool pprof `, "opens a prompt; TestProfilesAreForOperators in web reads these paths"},
		{"docs/operations.md", `^pageheat (reset|import) |source\.`, "no instance may run, and some need another cluster; TestRebuildFromTheInput and its neighbours in integration run the section \"Disaster recovery\""},
		{"docs/operations.md", `^pageheat switch `, "instances of the other sections would end; TestRebuildBesideAndSwitch in integration runs it"},
		{"docs/scaling.md", `.`, "a measurement takes minutes; TestScale in bench runs a small one"},
		{"docs/security.md", `OAUTHBEARER`, "the embedded broker does not have it; TestSecuredConnections in integration runs the program with it on Kafka"},
	}
}

// TestCommandsOfTheDocuments runs the commands of each Markdown document in their order, as a reader
// would: in one directory, against one embedded broker, with instances that stay until its end.
//
// Every fenced block names its language. The lines of a block "sh" are commands; they must end with
// exit code 0. Before them, each block with a second word, as in "yaml pageheat.yaml", is written to
// a file of that name. Only the names of hosts, addresses and directories are replaced, and the length of a trace.
// What cannot run here is among
// exclusions.
func TestCommandsOfTheDocuments(t *testing.T) {
	t.Parallel()
	excluded := exclusions()
	used := make([]bool, len(excluded))
	isExcluded := func(path, command string) bool {
		found := false
		for i, e := range excluded {
			if (e.document == "" || e.document == path) && regexp.MustCompile(e.command).MatchString(command) {
				used[i], found = true, true
			}
		}
		return found
	}
	for _, path := range documents(t) {
		var steps []block
		for _, b := range blocks(t, path) {
			b.commands = slices.DeleteFunc(b.commands, func(c string) bool { return isExcluded(path, c) })
			if len(b.commands) > 0 || b.file != "" {
				steps = append(steps, b)
			}
		}
		if len(steps) == 0 {
			continue
		}
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			d := newDocument(t, path)
			for _, b := range steps {
				if b.file != "" {
					d.write(b.file, b.text)
				}
			}
			for _, b := range steps {
				for _, c := range b.commands {
					d.command(c)
				}
			}
		})
	}
	for i, e := range excluded {
		assert.True(t, used[i], "no command matches the exclusion %q", e.command)
	}
}

// documents are the paths of all Markdown documents.
func documents(t *testing.T) (paths []string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := entry.Name(); entry.IsDir() && path != root && (name == ".git" || name == ".cache" || name == "bin" || name == "testdata") {
			return fs.SkipDir
		}
		if strings.HasSuffix(path, ".md") {
			paths = append(paths, strings.TrimPrefix(filepath.ToSlash(path), root+"/"))
		}
		return nil
	}))
	require.Contains(t, paths, "README.md")
	return paths
}

// text is the content of a document.
func text(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return string(content)
}

// block is a fenced block of a document.
type block struct {
	language, file string
	text           string
	commands       []string // of a block sh
}

// blocks are those of a document, in their order.
func blocks(t *testing.T, path string) (all []block) {
	t.Helper()
	for _, m := range regexp.MustCompile("(?ms)^[ ]*```([^\n`]*)\n(.*?)^[ ]*```$").FindAllStringSubmatch(text(t, path), -1) {
		b := block{text: m[2]}
		b.language, b.file, _ = strings.Cut(m[1], " ")
		require.NotEmpty(t, b.language, "%s: this block does not name its language: sh for commands, text for anything else:\n%s", path, b.text)
		require.NotContains(t, []string{"bash", "shell", "console"}, b.language, "%s: commands are in blocks sh", path)
		if b.language == "sh" {
			for line := range strings.Lines(strings.NewReplacer("\\\n", " ", "|\n", "| ").Replace(b.text)) {
				if line = strings.TrimSpace(regexp.MustCompile(`(^|\s)#\s.*`).ReplaceAllString(line, "")); line != "" {
					b.commands = append(b.commands, line)
				}
			}
		}
		all = append(all, b)
	}
	return all
}

// document is one whose commands run.
type document struct {
	*testing.T
	dir       string
	env       []string
	names     []string // what stands there, and what it is here
	addresses map[string]string
	admin     *kadm.Client // see guarded
}

func newDocument(t *testing.T, path string) *document {
	d := &document{T: t, dir: t.TempDir(), env: kafkatest.Environment(), addresses: map[string]string{}}
	d.names = []string{"go run ./cmd/pageheat", "pageheat", "/etc/pageheat/", d.dir + "/", "/var/lib/pageheat", d.dir + "/store", "https://heat.example", "http://127.0.0.1:8081", "seconds=5", "seconds=1"}
	switch path {
	case "docs/security.md":
		d.secured()
		return d
	case "docs/getting-started.md":
		d.guarded()
	}
	brokers := broker(t)
	d.names = append(d.names, "kafka-1:9092,kafka-2:9092,kafka-3:9092", brokers, "localhost:9092", brokers)
	d.env = append(d.env, "PAGEHEAT_BROKERS="+brokers)
	if !strings.Contains(text(t, path), "\npageheat topics create") { // its reader has them
		d.finish("pageheat topics create")
	}
	return d
}

// secured has brokers with TLS, and the files of their clients: kafka-1.example:9093 takes
// certificates, kafka-1.example:9094 passwords. Both have the topics.
func (d *document) secured() {
	authority := kafkatest.NewAuthority(d)
	client := authority.Issue("pageheat")
	for name, content := range map[string][]byte{"ca.pem": authority.PEM, "client.pem": client.Chain, "client.key": client.Key, "password": []byte("change-me\n")} {
		kafkatest.WriteFile(d, d.dir, name, content)
	}
	certificates := broker(d.T, kfake.TLS(authority.Issue().Server(d, authority)))
	passwords := broker(d.T, kfake.TLS(authority.Issue().Server(d, nil)), kfake.EnableSASL(), kfake.User("SCRAM-SHA-512", "pageheat", "change-me"))
	d.names = append(d.names, "kafka-1.example:9093", certificates, "kafka-1.example:9094", passwords)
	for _, login := range []string{
		" --brokers " + certificates + " --tls-cert client.pem --tls-key client.key",
		" --brokers " + passwords + " --sasl-mechanism SCRAM-SHA-512 --sasl-username pageheat --sasl-password-file password",
	} {
		d.finish("pageheat topics create --tls --tls-ca ca.pem" + login)
	}
}

// guarded has brokers with TLS, passwords and rights as kafka-1.example:9094, and a kafka-acls that keeps
// what it is given. (TestPrintedRightsOnKafka runs Kafka's own.)
func (d *document) guarded() {
	authority := kafkatest.NewAuthority(d)
	kafkatest.WriteFile(d, d.dir, "ca.pem", authority.PEM)
	brokers := broker(d.T, kfake.TLS(authority.Issue().Server(d, nil)), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.Superuser("PLAIN", "admin", "admin"), kfake.User("SCRAM-SHA-512", "pageheat", "change-me"))
	d.names = append(d.names, "kafka-1.example:9094", brokers)
	roots := x509.NewCertPool()
	require.True(d, roots.AppendCertsFromPEM(authority.PEM))
	admin, err := kgo.NewClient(kgo.SeedBrokers(brokers), kgo.DialTLSConfig(&tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}), kgo.SASL(plain.Auth{User: "admin", Pass: "admin"}.AsMechanism()))
	require.NoError(d, err)
	d.Cleanup(admin.Close)
	d.admin = kadm.NewClient(admin)
	script := []byte("#!/bin/sh\necho \"$*\" >> " + filepath.Join(d.dir, "granted") + "\n")
	require.NoError(d, process.WriteProgram(filepath.Join(d.dir, "kafka-acls"), script))
	d.env = append(d.env, "PATH="+d.dir+string(os.PathListSeparator)+os.Getenv("PATH"))
}

// grant does what kafka-acls was told.
func (d *document) grant() {
	d.Helper()
	file := filepath.Join(d.dir, "granted")
	granted, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	require.NoError(d, err)
	require.NoError(d, os.Remove(file))
	right := regexp.MustCompile(`^--bootstrap-server \S+ --command-config admin\.properties --add --allow-principal (\S+) --operation (\w+) --(topic|group|transactional-id) (\S+)( --resource-pattern-type prefixed)?$`)
	for line := range strings.Lines(string(granted)) {
		m := right.FindStringSubmatch(strings.TrimSpace(line))
		require.NotNil(d, m, line)
		operation, err := kmsg.ParseACLOperation(m[2])
		require.NoError(d, err)
		acl := kadm.NewACLs().Allow(m[1]).AllowHosts("*").Operations(operation).ResourcePatternType(kadm.ACLPatternLiteral)
		if m[5] != "" {
			acl.ResourcePatternType(kadm.ACLPatternPrefixed)
		}
		switch m[3] {
		case "topic":
			acl.Topics(m[4])
		case "group":
			acl.Groups(m[4])
		default:
			acl.TransactionalIDs(m[4])
		}
		results, err := d.admin.CreateACLs(d.Context(), acl)
		require.NoError(d, err)
		for _, r := range results {
			require.NoError(d, r.Err, line)
		}
	}
}

// here is a text of the document with the names of this test.
func (d *document) here(text string) string {
	text = strings.NewReplacer(d.names...).Replace(text)
	return regexp.MustCompile(`(127\.0\.0\.1|0\.0\.0\.0|localhost):80\d\d\b`).ReplaceAllStringFunc(text, func(address string) string {
		port := address[strings.LastIndex(address, ":"):]
		if d.addresses[port] == "" {
			d.addresses[port] = freeAddress(d.T)
		}
		return d.addresses[port]
	})
}

func (d *document) write(file, content string) {
	d.Helper()
	require.NoError(d, os.WriteFile(filepath.Join(d.dir, filepath.Base(file)), []byte(d.here(content)), 0o600))
}

// command runs a command of the document.
func (d *document) command(line string) {
	d.Helper()
	line = d.here(strings.TrimSpace(strings.TrimSuffix(line, "&")))
	words := strings.Fields(line)
	has := func(command, end string) bool {
		return len(words) > 1 && words[0] == "pageheat" && words[1] == command && !slices.Contains(words, end)
	}
	switch {
	case words[0] == "export":
		d.env = append(d.env, strings.Trim(strings.TrimSpace(strings.TrimPrefix(line, "export")), `"'`))
	case words[0] == "unset":
		d.env = slices.DeleteFunc(d.env, func(e string) bool { return strings.HasPrefix(e, words[1]+"=") })
	case has("run", "--help"):
		d.instance(line)
	case has("top", "--once"), has("demo", "--for"):
		out := &samples.Output{}
		p := d.start(line, out)
		out.Expect("behaviours counted", func() { _ = p.Signal(syscall.SIGINT) })
		d.wait(p, line, out)
	default:
		d.finish(line)
		d.grant()
	}
}

// start starts a command in a shell that it replaces.
func (d *document) start(line string, out *samples.Output, env ...string) *process.Process {
	d.Helper()
	if strings.HasPrefix(line, "pageheat ") && !strings.ContainsAny(line, "|;&") {
		line = "exec " + line
	}
	cmd := exec.CommandContext(context.WithoutCancel(d.Context()), "bash", "-euo", "pipefail", "-c", line) //nolint:gosec // commands of this repository's documents
	cmd.Dir, cmd.Env = d.dir, slices.Concat(d.env, env)
	cmd.Stdout, cmd.Stderr = out, out
	p, err := process.Start(cmd)
	require.NoError(d, err)
	d.Cleanup(func() { _ = p.Kill() })
	return p
}

// wait waits until a command ends well.
func (d *document) wait(p *process.Process, line string, out *samples.Output) {
	d.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	code, err := p.Wait(ctx)
	require.NoError(d, err, "%s\n%s", line, out)
	require.Equal(d, exitDone, code, "%s\n%s", line, out)
}

func (d *document) finish(line string) {
	d.Helper()
	out := &samples.Output{}
	d.wait(d.start(line, out), line, out)
}

// instance starts an instance and waits until it is ready. It is stopped at the end.
func (d *document) instance(line string) {
	d.Helper()
	address := d.here("127.0.0.1:8080")
	if named := regexp.MustCompile(`--listen[ =](\S+)`).FindStringSubmatch(line); named != nil {
		address = named[1]
	} else if answers(address, "/healthz") != 0 { // an earlier one has it
		address = freeAddress(d.T)
	}
	out := &samples.Output{}
	p := d.start(line, out, "PAGEHEAT_LISTEN="+address)
	d.Cleanup(func() {
		assert.NoError(d, p.Signal(syscall.SIGTERM))
		d.wait(p, line, out)
	})
	require.Eventually(d, func() bool {
		ready := answers(address, "/readyz")
		return p.Ended() || ready == http.StatusOK || ready == http.StatusUnauthorized
	}, time.Minute, 20*time.Millisecond, "%s\n%s", line, out)
	require.False(d, p.Ended(), "%s\n%s", line, out)
}

// answers is the status of an answer over HTTP, 0 if nobody answers.
func answers(address, path string) int {
	answer, err := http.Get("http://" + address + path)
	if err != nil {
		return 0
	}
	defer answer.Body.Close()
	return answer.StatusCode
}

// TestTheREADMEShowsTheTopology: its picture is what the program prints.
func TestTheREADMEShowsTheTopology(t *testing.T) {
	var out, errs bytes.Buffer
	require.Equal(t, 0, run(t.Context(), []string{"topology"}, strings.NewReader(""), &out, &errs), errs.String())
	require.Contains(t, text(t, "README.md"), "```text\n"+strings.TrimRight(out.String(), "\n")+"\n```")
}
