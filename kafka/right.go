package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/failure"
)

// Operation is what a right allows, by Kafka's name.
type Operation string

// The operations of rights.
const (
	Read            Operation = "Read"
	Write           Operation = "Write"
	Create          Operation = "Create"
	Delete          Operation = "Delete"
	Describe        Operation = "Describe"
	DescribeConfigs Operation = "DescribeConfigs"
)

// Implies reports whether Kafka's authorizer allows other wherever it allows o.
func (o Operation) Implies(other Operation) bool {
	return o == other || other == Describe && (o == Read || o == Write || o == Delete)
}

// code is the operation's number in the protocol.
func (o Operation) code() kmsg.ACLOperation {
	code, err := kmsg.ParseACLOperation(string(o))
	if err != nil {
		return kmsg.ACLOperationUnknown
	}
	return code
}

// Resource is a kind of thing that rights are for.
type Resource string

// The kinds of resources.
const (
	TopicResource         Resource = "topic"
	GroupResource         Resource = "consumer group"
	TransactionalResource Resource = "transactional id"
)

// Right is a right that a request needs.
type Right struct {
	Operation Operation
	Resource  Resource
	// Name is the resource's name.
	Name string
	// Prefixed has Name stand for every name that begins with it.
	Prefixed bool
}

// OnTopic is a right to a topic.
func OnTopic(operation Operation, topic string) Right {
	return Right{Operation: operation, Resource: TopicResource, Name: topic}
}

// OnGroup is a right to a consumer group.
func OnGroup(operation Operation, group string) Right {
	return Right{Operation: operation, Resource: GroupResource, Name: group}
}

// OnTransactions is a right to a transactional id.
func OnTransactions(operation Operation, id string) Right {
	return Right{Operation: operation, Resource: TransactionalResource, Name: id}
}

// String is the right as a person says it: "Read on the topic clicks".
func (r Right) String() string {
	if r.Prefixed {
		return fmt.Sprintf("%s on the %ss that begin with %s", r.Operation, r.Resource, r.Name)
	}
	return fmt.Sprintf("%s on the %s %s", r.Operation, r.Resource, r.Name)
}

// sample is a name that the right is for.
func (r Right) sample() string {
	if r.Prefixed {
		return r.Name + "0"
	}
	return r.Name
}

// hint returns a hint if an error with this code is about this right.
func (r Right) hint(code int16) (hint string, ok bool) {
	of := map[Resource]*kerr.Error{
		TopicResource: kerr.TopicAuthorizationFailed, GroupResource: kerr.GroupAuthorizationFailed,
		TransactionalResource: kerr.TransactionalIDAuthorizationFailed,
	}[r.Resource]
	return fmt.Sprintf("give pageheat's user the right %s; %s", r, failure.Rights), of.Code == code
}

// Lacks returns which of some rights the user of this process does not have, as far as
// brokers tell: they say what a user may do with a topic, and whether it may describe a group or
// a transactional id. A topic that does not exist, and any other right, counts as allowed. A
// prefixed right is looked up for the name that ends with 0.
func (c *Cluster) Lacks(ctx context.Context, rights []Right) ([]Right, error) {
	names := make(map[Resource][]string)
	for _, r := range rights {
		names[r.Resource] = append(names[r.Resource], r.sample())
	}
	allowed, err := c.allowedOnTopics(ctx, unique(names[TopicResource]))
	if err != nil {
		return nil, err
	}
	hidden := make(map[Resource][]string)
	for resource, kind := range map[Resource]int8{GroupResource: groupCoordinator, TransactionalResource: transactionCoordinator} {
		if hidden[resource], err = c.hidden(ctx, kind, unique(names[resource])); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(slices.Clone(rights), func(r Right) bool {
		if r.Resource != TopicResource {
			return !slices.Contains(hidden[r.Resource], r.sample())
		}
		operations, known := allowed[r.sample()]
		return !known || operations&(1<<r.Operation.code()) != 0
	}), nil
}

func unique(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}

// allowedOnTopics is what the user may do with topics, as bits by the operation's number. What
// brokers do not tell is left out.
func (c *Cluster) allowedOnTopics(ctx context.Context, names []string) (map[string]int32, error) {
	if len(names) == 0 {
		return nil, nil // a request without topics asks for all
	}
	var found []kmsg.MetadataResponseTopic
	err := patiently(ctx, func() (err error) {
		found, err = c.topics(ctx, true, names...)
		return err
	})
	if err != nil {
		return nil, Explain(fmt.Errorf("looking up the rights on topics: %w", err))
	}
	allowed := make(map[string]int32)
	for _, t := range found {
		switch {
		case t.Topic == nil:
		case t.ErrorCode == kerr.TopicAuthorizationFailed.Code:
			allowed[*t.Topic] = 0
		case t.ErrorCode != 0 || t.AuthorizedOperations&(1<<kmsg.ACLOperationDescribe) == 0:
			// A broker that does not tell: it has just described the topic.
		default:
			allowed[*t.Topic] = t.AuthorizedOperations
		}
	}
	return allowed, nil
}

// What the protocol calls the coordinator of a group and that of a transactional id.
const (
	groupCoordinator       = 0
	transactionCoordinator = 1
)

// hidden are those of some groups or transactional ids that the user may not describe. One that
// brokers do not answer for is not among them.
func (c *Cluster) hidden(ctx context.Context, kind int8, names []string) ([]string, error) {
	client, err := c.shared()
	if err != nil {
		return nil, err
	}
	var hidden []string
	for _, name := range names {
		request := kmsg.NewPtrFindCoordinatorRequest()
		request.CoordinatorType, request.CoordinatorKey, request.CoordinatorKeys = kind, name, []string{name}
		answer, err := request.RequestWith(ctx, client)
		if err == nil {
			err = kerr.ErrorForCode(answer.ErrorCode)
			for _, of := range answer.Coordinators {
				err = errors.Join(err, kerr.ErrorForCode(of.ErrorCode))
			}
		}
		if Is(err, kerr.GroupAuthorizationFailed, kerr.TransactionalIDAuthorizationFailed) {
			hidden = append(hidden, name)
		}
	}
	return hidden, nil
}
