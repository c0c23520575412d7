package chaos

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/integration/harness"
	"pageheat/integration/kafkatest"
)

// everyRightFault denies each right that a role needs, and more.
func (k *taking) everyRightFault() []fault {
	topics, groups := own(k.site)
	topics = append(topics, k.site.Input, k.site.Prefix+"-dead-letter")
	var all []fault
	add := func(kind kmsg.ACLResourceType, name string, operations ...kmsg.ACLOperation) {
		for _, o := range operations {
			all = append(all, k.rightFault(kafkatest.Right{Operation: o, Kind: kind, Name: name}))
		}
	}
	for _, topic := range topics {
		add(kmsg.ACLResourceTypeTopic, topic, kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe)
	}
	add(kmsg.ACLResourceTypeTopic, k.site.Input, kmsg.ACLOperationDescribeConfigs)
	add(kmsg.ACLResourceTypeTopic, k.site.Prefix+"-heat-table", kmsg.ACLOperationDescribeConfigs)
	add(kmsg.ACLResourceTypeTopic, k.site.Prefix+"-behavior", kmsg.ACLOperationDelete)
	for _, group := range groups {
		add(kmsg.ACLResourceTypeGroup, group, kmsg.ACLOperationRead, kmsg.ACLOperationDescribe)
	}
	for p := range inputPartitions {
		add(kmsg.ACLResourceTypeTransactionalId, fmt.Sprintf("%s-heat-%d", k.site.Prefix, p), kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe)
	}
	add(kmsg.ACLResourceTypeTransactionalId, k.site.Prefix+"-rank", kmsg.ACLOperationWrite, kmsg.ACLOperationDescribe)
	all = append(all, k.rightFault(kafkatest.ClusterRight(kmsg.ACLOperationIdempotentWrite)), k.rightFault(kafkatest.ClusterRight(kmsg.ACLOperationDescribe)))
	return all
}

// rightFault denies a right and allows it again.
func (k *taking) rightFault(r kafkatest.Right) fault {
	within := func(do func(context.Context, ...kafkatest.Right) error) func() {
		return func() {
			ctx, cancel := context.WithTimeout(k.t.Context(), harness.Within)
			defer cancel()
			require.NoError(k.t, do(ctx, r))
		}
	}
	return fault{
		name: fmt.Sprintf("right %v on %v %s", r.Operation, r.Kind, k.short(r.Name)), names: r.Name, least: 2 * time.Second, most: 10 * time.Second,
		take: within(k.cluster.Deny), giveBack: within(k.cluster.Undeny),
	}
}

// TestRightsTaken takes rights away and gives them back.
func TestRightsTaken(t *testing.T) {
	takeEach(t, "rights", (*taking).everyRightFault, "WRITE on TOPIC pageheat-behavior")
}
