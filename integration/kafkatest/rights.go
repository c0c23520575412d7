package kafkatest

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// Anonymous is the principal of every client without credentials.
const Anonymous = "User:ANONYMOUS"

// everybody is the principal that stands for all.
const everybody = "User:*"

// superUser is the user of the tests and the brokers if rights are checked. It is not a secret:
// the brokers listen on loopback only.
func superUser() plain.Auth { return plain.Auth{User: "admin", Pass: "admin"} }

// SuperUser is the user that may do everything if rights are checked. It logs in with PLAIN.
func SuperUser() (name, password string) { return superUser().User, superUser().Pass }

// rightsProperties make a broker check rights. Brokers and controllers authenticate to each
// other as the super user. Clients of the listener GUARDED are anonymous.
func rightsProperties() map[string]string {
	u := superUser()
	login := fmt.Sprintf("org.apache.kafka.common.security.plain.PlainLoginModule required username=%q password=%q user_%s=%q;", u.User, u.Pass, u.User, u.Pass)
	return map[string]string{
		"authorizer.class.name":                           "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":                                     "User:" + u.User,
		"allow.everyone.if.no.acl.found":                  "false",
		"listener.security.protocol.map":                  "BROKER:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT,GUARDED:PLAINTEXT",
		"sasl.enabled.mechanisms":                         "PLAIN",
		"sasl.mechanism.inter.broker.protocol":            "PLAIN",
		"sasl.mechanism.controller.protocol":              "PLAIN",
		"listener.name.broker.plain.sasl.jaas.config":     login,
		"listener.name.controller.plain.sasl.jaas.config": login,
	}
}

// Guarded are the addresses for anonymous clients, whose rights are checked, as one
// comma-separated string; empty without WithRights.
func (c *Cluster) Guarded() string { return strings.Join(c.guarded, ",") }

// Right is a right of a client, or its denial.
type Right struct {
	// Operation is READ, WRITE and so on.
	Operation kadm.ACLOperation
	// Kind is the kind of resource: a topic, a group, a transactional id or the cluster.
	Kind kmsg.ACLResourceType
	// Name is the name of the resource, or a prefix if Prefixed is set.
	Name string
	// Prefixed makes Name match every name that starts with it.
	Prefixed bool
}

// aRight is a line that "pageheat topics acls" prints.
var aRight = regexp.MustCompile(`^kafka-acls --add --allow-principal (\S+) --operation (\w+) --(topic|group|transactional-id) (\S+)( --resource-pattern-type prefixed)?$`)

// ParseRight reads a line that "pageheat topics acls" prints for a principal.
func ParseRight(line, principal string) (Right, error) {
	m := aRight.FindStringSubmatch(line)
	if m == nil || strings.Trim(m[1], "'") != principal {
		return Right{}, fmt.Errorf("kafkatest: %q is no right of %s", line, principal)
	}
	operation, err := kmsg.ParseACLOperation(m[2])
	if err != nil {
		return Right{}, fmt.Errorf("kafkatest: %q: %w", line, err)
	}
	kind, err := kmsg.ParseACLResourceType(m[3])
	if err != nil {
		return Right{}, fmt.Errorf("kafkatest: %q: %w", line, err)
	}
	return Right{Operation: operation, Kind: kind, Name: m[4], Prefixed: m[5] != ""}, nil
}

// String describes the right for people.
func (r Right) String() string {
	return fmt.Sprintf("%v on %v %s", r.Operation, r.Kind, r.Name)
}

// clusterName is what Kafka calls the cluster as a resource.
const clusterName = "kafka-cluster"

// ClusterRight is a right on the cluster as a whole.
func ClusterRight(operation kadm.ACLOperation) Right {
	return Right{Operation: operation, Kind: kmsg.ACLResourceTypeCluster, Name: clusterName}
}

// Allow gives anonymous clients rights.
func (c *Cluster) Allow(ctx context.Context, rights ...Right) error {
	return c.allow(ctx, Anonymous, rights)
}

func (c *Cluster) allow(ctx context.Context, principal string, rights []Right) error {
	return c.createACLs(ctx, principal, kmsg.ACLPermissionTypeAllow, rights)
}

// Deny takes rights from everybody but the super user, overriding all others, until Undeny.
func (c *Cluster) Deny(ctx context.Context, rights ...Right) error {
	return c.createACLs(ctx, everybody, kmsg.ACLPermissionTypeDeny, rights)
}

// createACLs waits until all brokers know what was set.
func (c *Cluster) createACLs(ctx context.Context, principal string, permission kmsg.ACLPermissionType, rights []Right) error {
	req := kmsg.NewPtrCreateACLsRequest()
	for _, r := range rights {
		entry := kmsg.NewCreateACLsRequestCreation()
		entry.ResourceType, entry.ResourceName = r.Kind, r.Name
		entry.ResourcePatternType = r.pattern()
		entry.Principal, entry.Host = principal, "*"
		entry.Operation, entry.PermissionType = r.Operation, permission
		req.Creations = append(req.Creations, entry)
	}
	return c.asSuperUser(func(cl *kgo.Client) error {
		resp, err := req.RequestWith(ctx, cl)
		if err != nil {
			return fmt.Errorf("kafkatest: setting rights: %w", err)
		}
		for i, r := range resp.Results {
			if r.ErrorCode != 0 {
				return fmt.Errorf("kafkatest: setting %v: code %d", rights[i], r.ErrorCode)
			}
		}
		return c.everyBroker(ctx, func(ctx context.Context, b *kgo.Broker) error {
			return knowsRights(ctx, b, principal, permission, rights)
		})
	})
}

// Undeny removes what Deny has denied.
func (c *Cluster) Undeny(ctx context.Context, rights ...Right) error {
	req := kmsg.NewPtrDeleteACLsRequest()
	for _, r := range rights {
		filter := kmsg.NewDeleteACLsRequestFilter()
		filter.ResourceType, filter.ResourceName = r.Kind, new(r.Name)
		filter.ResourcePatternType = r.pattern()
		filter.Principal = new(everybody)
		filter.Operation, filter.PermissionType = r.Operation, kmsg.ACLPermissionTypeDeny
		req.Filters = append(req.Filters, filter)
	}
	return c.asSuperUser(func(cl *kgo.Client) error {
		resp, err := req.RequestWith(ctx, cl)
		if err != nil {
			return fmt.Errorf("kafkatest: taking back what was denied: %w", err)
		}
		for i, r := range resp.Results {
			if r.ErrorCode != 0 || len(r.MatchingACLs) != 1 {
				return fmt.Errorf("kafkatest: taking back the denial of %v: code %d, %d of them", rights[i], r.ErrorCode, len(r.MatchingACLs))
			}
		}
		return nil
	})
}

// Revoke takes all rights from anonymous clients that Allow gave them.
func (c *Cluster) Revoke(ctx context.Context) error {
	filter := kmsg.NewDeleteACLsRequestFilter()
	filter.ResourceType, filter.ResourcePatternType = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny
	filter.Principal = new(Anonymous)
	filter.Operation, filter.PermissionType = kmsg.ACLOperationAny, kmsg.ACLPermissionTypeAllow
	req := kmsg.NewPtrDeleteACLsRequest()
	req.Filters = append(req.Filters, filter)
	return c.asSuperUser(func(cl *kgo.Client) error {
		resp, err := req.RequestWith(ctx, cl)
		if err != nil {
			return fmt.Errorf("kafkatest: revoking all rights: %w", err)
		}
		for _, r := range resp.Results {
			if r.ErrorCode != 0 {
				return fmt.Errorf("kafkatest: revoking all rights: code %d", r.ErrorCode)
			}
		}
		return nil
	})
}

func (r Right) pattern() kmsg.ACLResourcePatternType {
	if r.Prefixed {
		return kmsg.ACLResourcePatternTypePrefixed
	}
	return kmsg.ACLResourcePatternTypeLiteral
}

// asSuperUser runs a function with a client of the super user.
func (c *Cluster) asSuperUser(do func(*kgo.Client) error) error {
	cl, err := kgo.NewClient(append(slices.Clone(c.login), kgo.SeedBrokers(c.brokers...))...)
	if err != nil {
		return fmt.Errorf("kafkatest: making a client: %w", err)
	}
	defer cl.Close()
	return do(cl)
}
