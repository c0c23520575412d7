package main

import (
	"bytes"
	"context"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"pageheat/integration/kafkatest"
)

// TestTopicsCreateWaitsForEveryBroker: a broker that is asked for the settings of a
// topic may not have heard of it yet, though the one asked before had.
func TestTopicsCreateWaitsForEveryBroker(t *testing.T) {
	cluster := kafkatest.Embedded(t)
	asked := 0
	cluster.Fake().ControlKey(int16(kmsg.DescribeConfigs), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.Fake().KeepControl()
		asked++
		if asked > 1 {
			return nil, nil, false
		}
		response := kmsg.NewPtrDescribeConfigsResponse()
		response.Version = request.GetVersion()
		describe, ok := request.(*kmsg.DescribeConfigsRequest)
		if !ok {
			return nil, nil, false
		}
		for _, resource := range describe.Resources {
			unknown := kmsg.NewDescribeConfigsResponseResource()
			unknown.ResourceType, unknown.ResourceName = resource.ResourceType, resource.ResourceName
			unknown.ErrorCode = kerr.UnknownTopicOrPartition.Code
			response.Resources = append(response.Resources, unknown)
		}
		return response, nil, true
	})
	var out, log bytes.Buffer
	code := run(t.Context(), []string{"topics", "create", "--brokers", cluster.Bootstrap()}, strings.NewReader(""), &out, &log)
	assert.Equal(t, exitDone, code, "%s%s", &out, &log)
	assert.Greater(t, asked, 1)
}

// TestBrokerBehindAProxyIsDown: a proxy takes the connection and closes it. Another
// broker stands in.
func TestBrokerBehindAProxyIsDown(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Embedded(t)
	proxy := kafkatest.Listen(t, func(connection net.Conn) { _ = connection.Close() })
	brokers := proxy + "," + cluster.Bootstrap()
	const often = 20 // which broker is asked is a matter of chance
	for range often {
		var out, log bytes.Buffer
		code := run(t.Context(), []string{"topics", "create", "--brokers", brokers}, strings.NewReader(""), &out, &log)
		require.Equal(t, exitDone, code, "%s%s", &out, &log)
	}
}

// TestWithoutTheRightToReadSettings: run begins and says what it has not checked, and
// topics check does not say that all is as needed.
func TestWithoutTheRightToReadSettings(t *testing.T) {
	t.Parallel()
	cluster := kafkatest.Embedded(t)
	command := func(ctx context.Context, args ...string) (code int, stdout, stderr string) {
		var out, log bytes.Buffer
		code = run(ctx, append(args, "--brokers", cluster.Bootstrap()), strings.NewReader(""), &out, &log)
		return code, out.String(), log.String()
	}
	code, out, log := command(t.Context(), "topics", "create")
	require.Equal(t, exitDone, code, out+log)
	cluster.Fake().ControlKey(int16(kmsg.DescribeConfigs), func(request kmsg.Request) (kmsg.Response, error, bool) {
		cluster.Fake().KeepControl()
		describe, ok := request.(*kmsg.DescribeConfigsRequest)
		if !ok || !slices.ContainsFunc(describe.Resources, func(r kmsg.DescribeConfigsRequestResource) bool { return r.ResourceName == "user-behavior-topic" }) {
			return nil, nil, false
		}
		response := kmsg.NewPtrDescribeConfigsResponse()
		response.Version = request.GetVersion()
		denied := kmsg.NewDescribeConfigsResponseResource()
		denied.ResourceType, denied.ResourceName = describe.Resources[0].ResourceType, describe.Resources[0].ResourceName
		denied.ErrorCode = kerr.TopicAuthorizationFailed.Code
		response.Resources = append(response.Resources, denied)
		return response, nil, true
	})
	code, out, log = command(t.Context(), "topics", "check")
	assert.Equal(t, exitFailed, code)
	assert.Regexp(t, `user-behavior-topic +3 +1 +unknown +unknown`, out)
	assert.NotContains(t, out, "as needed")
	assert.Contains(t, log, "settings of user-behavior-topic were not checked: give pageheat's user the right DescribeConfigs")

	in := start(t, "--brokers", cluster.Bootstrap())
	in.ready(t)
	in.stop()
	assert.Equal(t, exitDone, <-in.ended, in.log)
	assert.Contains(t, in.log.String(), "settings of user-behavior-topic were not checked")
}
