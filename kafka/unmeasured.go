package kafka

import "github.com/rcrowley/go-metrics"

// unmeasured is a registry whose metrics measure nothing. sarama updates a dozen for each
// request, and nobody reads them.
type unmeasured struct{ metrics.Registry }

// GetOrRegister implements metrics.Registry.
func (u unmeasured) GetOrRegister(name string, metric any) any {
	switch metric.(type) {
	case func() metrics.Histogram:
		return metrics.NilHistogram{}
	case func() metrics.Meter:
		return metrics.NilMeter{}
	case func() metrics.Counter:
		return metrics.NilCounter{}
	}
	return u.Registry.GetOrRegister(name, metric)
}
