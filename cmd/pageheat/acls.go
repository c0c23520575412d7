package main

import (
	"regexp"
	"strings"

	"pageheat/failure"
	"pageheat/rights"
)

// topicsACLsCmd prints rights.
type topicsACLsCmd struct {
	Principal string   `placeholder:"User:NAME" help:"Principal that the rights are for."`
	Roles     []string `help:"Roles and commands of the principal, such as heat, audit, dead-letters-replay."`
	Format    string   `default:"kafka-acls" key:"topics-acls-format" env:"PAGEHEAT_TOPICS_ACLS_FORMAT" enum:"kafka-acls,strimzi" help:"kafka-acls: a command for each right. strimzi: a KafkaUser."`
	Required  bool     `help:"Leave out optional rights: docs/operations.md says what is lost without each."`

	StrimziCluster string `default:"my-cluster" placeholder:"NAME" help:"Name of the Kafka resource, for --format strimzi."`
}

// Help says how to use what is printed.
func (*topicsACLsCmd) Help() string {
	return `--roles takes ` + strings.Join(rights.Names(), ", ") + `.

Nothing is connected, and no right is given. The printed commands lack --bootstrap-server and
--command-config:

  pageheat topics acls --principal User:pageheat |
    sed 's/$/ --bootstrap-server localhost:9092 --command-config admin.properties/' | sh`
}

// defaultACLs are the rights of an instance with the default roles.
func defaultACLs() topicsACLsCmd {
	var c topicsACLsCmd
	for _, r := range defaultRoles() {
		c.Roles = append(c.Roles, string(r))
	}
	return c
}

// Run prints the rights.
func (c *topicsACLsCmd) Run(p *program) error {
	kind, name, _ := strings.Cut(c.Principal, ":")
	if kind == "" || name == "" || strings.ContainsFunc(c.Principal, func(r rune) bool { return r < ' ' }) {
		return failure.BadSetting("principal", "%q: must be TYPE:NAME, such as User:pageheat", c.Principal)
	}
	var names []string
	for _, role := range c.Roles {
		if role = strings.TrimSpace(role); role != "" {
			names = append(names, role)
		}
	}
	if len(names) == 0 {
		return failure.BadSetting("roles", "name at least one of %s", strings.Join(rights.Names(), ", "))
	}
	needs, err := rights.Of(p.topo, names...)
	if err != nil {
		return &failure.Setting{Name: "roles", Err: err}
	}
	if c.Required {
		needs = rights.Required(needs)
	}
	if c.Format != "strimzi" {
		return rights.PrintCommands(p.stdout, c.Principal, needs)
	}
	if !regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`).MatchString(name) || kind != "User" {
		return failure.BadSetting("principal", "%q: a KafkaUser is named by lower case letters, digits, '-' and '.', and is of type User", c.Principal)
	}
	return rights.PrintUser(p.stdout, c.StrimziCluster, name, needs)
}
