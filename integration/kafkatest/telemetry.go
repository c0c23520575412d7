package kafkatest

import (
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// WithoutTelemetry has an embedded cluster ask for no metrics of clients, as Kafka does by default. kfake
// asks for all of them, and each client that is closed would compress and send them.
func WithoutTelemetry(fake *kfake.Cluster) {
	fake.ControlKey(int16(kmsg.GetTelemetrySubscriptions), func(request kmsg.Request) (kmsg.Response, error, bool) {
		fake.KeepControl()
		response, ok := request.ResponseKind().(*kmsg.GetTelemetrySubscriptionsResponse)
		if !ok {
			return nil, nil, false
		}
		response.ClientInstanceID = [16]byte{1}
		response.PushIntervalMillis = int32((5 * time.Minute).Milliseconds())
		return response, nil, true
	})
}
