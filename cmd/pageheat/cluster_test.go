package main

import (
	"bytes"
	"net"
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
	cluster := kafkatest.Embedded(t)
	proxy, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = proxy.Close() })
	go func() {
		for {
			connection, err := proxy.Accept()
			if err != nil {
				return
			}
			_ = connection.Close()
		}
	}()
	brokers := proxy.Addr().String() + "," + cluster.Bootstrap()
	const often = 20 // which broker is asked is a matter of chance
	for range often {
		var out, log bytes.Buffer
		code := run(t.Context(), []string{"topics", "create", "--brokers", brokers}, strings.NewReader(""), &out, &log)
		require.Equal(t, exitDone, code, "%s%s", &out, &log)
	}
}
