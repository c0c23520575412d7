package harness

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"

	"pageheat/integration/kafkatest"
	"pageheat/integration/process"
)

// access is how an installation connects to a secured cluster. Every process is a user of its own
// roles or command and prefix, who has the rights that "pageheat topics acls" prints for them and no others.
type access struct {
	cluster *kafkatest.Cluster
	kind    kafkatest.Security

	mu      sync.Mutex
	entered map[string]kafkatest.User // who have their rights, by roles or command and names
}

// Secure has the processes of the installation connect to a secured cluster in one of its ways.
func (i *Installation) Secure(cluster *kafkatest.Cluster, kind kafkatest.Security) {
	i.access = &access{cluster: cluster, kind: kind, entered: make(map[string]kafkatest.User)}
	i.Brokers = cluster.Listener(kind.Listener())
}

// subjects are the commands that connect, as "topics acls" calls them.
func subjects() []string {
	return []string{"topics-create", "topics-check", "produce", "top", "boards", "page", "audit", "recount", "dead-letters-list", "dead-letters-replay", "status", "reset", "forget", "export", "import"}
}

// defaultRoles are those of "run" without --roles.
const defaultRoles = "ingest,heat,rank,serve"

// subject is what "topics acls" calls the roles or the command of some arguments, empty for a
// command that does not connect.
func subject(args []string) string {
	words := args
	if i := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "-") }); i >= 0 {
		words = args[:i]
	}
	if len(words) == 0 {
		return ""
	}
	if words[0] == "import" || words[0] == "forget" {
		return words[0] // a file or pages follow
	}
	if words[0] == "reset" && slices.Contains(args, "--keep-totals") {
		return "reset-keep-totals"
	}
	if words[0] == "recount" && slices.Contains(args, "--compare") {
		return "recount-compare"
	}
	if words[0] == "recount" && slices.Contains(args, "--publish") {
		return "recount-publish"
	}
	if words[0] != "run" {
		for _, s := range subjects() {
			if s == words[0] || s == strings.Join(words, "-") {
				return s
			}
		}
		return ""
	}
	for i, a := range args {
		if roles, ok := strings.CutPrefix(a, "--roles="); ok {
			return roles
		}
		if a == "--roles" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return defaultRoles
}

// ofNames are the flags that name topics and groups.
var ofNames = regexp.MustCompile(`^--(prefix|input|output|(behavior|leaders|forget|dead-letter|events)-topic|(ingest|heat|rank|alert)-group)(=|$)`)

// names are the arguments that name topics and groups, and --events, which adds some.
func names(args []string) []string {
	var all []string
	for i := 0; i < len(args); i++ {
		m := ofNames.FindStringSubmatch(args[i])
		switch {
		case args[i] == "--":
			return all
		case args[i] == "--events":
			all = append(all, args[i])
		case m == nil:
			continue
		case m[4] == "=":
			all = append(all, args[i])
		case i+1 < len(args):
			all = append(all, args[i], args[i+1])
			i++
		}
	}
	return all
}

// grant is what "topics acls" calls a role, roles or a command, and the arguments that name its
// topics and groups.
type grant struct {
	who   string
	names []string
}

// grants are those of some arguments. A command between two deployments has one for each.
func grants(args []string) []grant {
	between := map[string][2]string{"switch": {"switch-from", "switch-to"}, "migrate": {"export", "topics-create,import"}}
	of := names(args)
	if whos, ok := between[args[0]]; ok {
		return []grant{
			{whos[0], append(slices.Clone(of), "--prefix", value(args, "--from"))},
			{whos[1], append(slices.Clone(of), "--prefix", value(args, "--to"))},
		}
	}
	if who := subject(args); who != "" {
		return []grant{{who, of}}
	}
	return nil
}

// value is that of a flag, empty without the flag.
func value(args []string, flag string) string {
	if i := slices.Index(args, flag); i >= 0 && i+1 < len(args) {
		return args[i+1]
	}
	return ""
}

// enter returns the environment in which a command connects, once its user has its rights.
func (i *Installation) enter(ctx context.Context, args []string) ([]string, error) {
	wanted := grants(args)
	if i.access == nil || len(wanted) == 0 {
		return nil, nil
	}
	a := i.access
	a.mu.Lock()
	defer a.mu.Unlock()
	key := fmt.Sprint(wanted, i.Prefix, i.Input, i.Output)
	if user, done := a.entered[key]; done { // a restart is not delayed
		return Environment(user), nil
	}
	// Instances of another deployment are other users, who may not touch this one.
	user, err := a.cluster.User(ctx, a.kind, strings.ReplaceAll(wanted[0].who, ",", ".")+"."+i.Prefix)
	if err != nil {
		return nil, err
	}
	for _, g := range wanted {
		rights, err := i.printed(ctx, user.Principal, g.who, g.names)
		if err == nil {
			err = a.cluster.AllowUser(ctx, user, rights...)
		}
		if err != nil {
			return nil, err
		}
	}
	a.entered[key] = user
	return Environment(user), nil
}

// printed are the rights that "topics acls" prints.
func (i *Installation) printed(ctx context.Context, principal, who string, names []string) ([]kafkatest.Right, error) {
	args := append([]string{"topics", "acls", "--principal", principal, "--roles", who}, names...)
	bare := *i
	bare.Env = nil // as to how it connects
	cmd := bare.command(args, nil)
	out, err := output(ctx, cmd)
	if err != nil {
		return nil, fmt.Errorf("pageheat %s: %w", strings.Join(args, " "), err)
	}
	var rights []kafkatest.Right
	for line := range strings.Lines(out) {
		right, err := kafkatest.ParseRight(strings.TrimSpace(line), principal)
		if err != nil {
			return nil, err
		}
		rights = append(rights, right)
	}
	return rights, nil
}

// output is what a command prints.
func output(ctx context.Context, cmd *exec.Cmd) (string, error) {
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	p, err := process.Start(cmd)
	if err != nil {
		return "", err
	}
	if code, err := p.Wait(ctx); err != nil || code != 0 {
		return "", fmt.Errorf("exit code %d, %w: %s", code, err, stderr.String())
	}
	return stdout.String(), nil
}

// Environment has the settings with which a user connects, for [Installation.Env].
func Environment(u kafkatest.User) []string {
	var env []string
	if u.CA != "" {
		env = append(env, "PAGEHEAT_TLS=true", "PAGEHEAT_TLS_CA="+u.CA)
	}
	switch u.Security {
	case kafkatest.SCRAM:
		return append(env, "PAGEHEAT_SASL_MECHANISM=SCRAM-SHA-512", "PAGEHEAT_SASL_USERNAME="+u.Name, "PAGEHEAT_SASL_PASSWORD_FILE="+u.Password)
	case kafkatest.MutualTLS:
		return append(env, "PAGEHEAT_TLS_CERT="+u.Certificate, "PAGEHEAT_TLS_KEY="+u.Key)
	case kafkatest.OAuthBearer:
		return append(env, "PAGEHEAT_SASL_MECHANISM=OAUTHBEARER", "PAGEHEAT_OAUTH_TOKEN_URL="+u.TokenURL,
			"PAGEHEAT_OAUTH_CLIENT_ID="+u.Name, "PAGEHEAT_OAUTH_CLIENT_SECRET="+u.Secret)
	}
	return nil
}
