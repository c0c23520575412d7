package kafkatest

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A broker that knows a user or a right answers from what it checks itself: what a controller
// has accepted reaches each broker a moment later.

// knowsUser checks that a broker knows the password of a user, if perhaps the last one.
func knowsUser(ctx context.Context, b *kgo.Broker, name string) error {
	req := kmsg.NewPtrDescribeUserSCRAMCredentialsRequest()
	user := kmsg.NewDescribeUserSCRAMCredentialsRequestUser()
	user.Name = name
	req.Users = append(req.Users, user)
	answer, err := b.Request(ctx, req)
	if err != nil {
		return err
	}
	resp, ok := answer.(*kmsg.DescribeUserSCRAMCredentialsResponse)
	if !ok || len(resp.Results) != 1 {
		return fmt.Errorf("no answer about user %s: %T", name, answer)
	}
	if err := kerr.ErrorForCode(resp.Results[0].ErrorCode); err != nil {
		return fmt.Errorf("user %s: %w", name, err)
	}
	return nil
}

// knowsRights checks that a broker knows all of the rights, or denials, of a principal.
func knowsRights(ctx context.Context, b *kgo.Broker, principal string, permission kmsg.ACLPermissionType, rights []Right) error {
	req := kmsg.NewPtrDescribeACLsRequest()
	req.ResourceType, req.ResourcePatternType = kmsg.ACLResourceTypeAny, kmsg.ACLResourcePatternTypeAny
	req.Principal = &principal
	req.Operation, req.PermissionType = kmsg.ACLOperationAny, permission
	answer, err := b.Request(ctx, req)
	if err != nil {
		return err
	}
	resp, ok := answer.(*kmsg.DescribeACLsResponse)
	if !ok {
		return fmt.Errorf("no answer about rights: %T", answer)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return fmt.Errorf("the rights of %s: %w", principal, err)
	}
	known := make(map[Right]bool)
	for _, r := range resp.Resources {
		for _, acl := range r.ACLs {
			known[Right{acl.Operation, r.ResourceType, r.ResourceName, r.ResourcePatternType == kmsg.ACLResourcePatternTypePrefixed}] = true
		}
	}
	for _, r := range rights {
		if !known[r] {
			return fmt.Errorf("%s: %v is not known yet", principal, r)
		}
	}
	return nil
}
