package main

import "time"

// quick runs a little of everything on the embedded broker. It checks that the benchmarks run; its
// figures mean nothing.
func quick() []benchmark {
	embedded := []string{brokerEmbedded}
	sent := steadyTraffic{Pages: 100, Partitions: 2, For: time.Second, Warmup: 100 * time.Millisecond}
	return []benchmark{
		&throughputCmd{Broker: embedded, Cases: []string{caseCeiling, caseGoka, caseOne, caseDisk, caseFive},
			Pages: []int{100}, Traffic: []string{trafficZipf}, Partitions: []int32{2}, Messages: 20_000, Repeat: 1, Timeout: time.Minute},
		&latencyCmd{Broker: embedded, Rates: []int{1000}, Lingers: []time.Duration{5 * time.Millisecond}, Repeat: 1, Five: true, steadyTraffic: sent},
		&pagesCmd{Broker: embedded, Pages: []int{5_000}, NameBytes: 40, Partitions: 2, Rounds: 1, Restores: 2, Pauses: true},
		&growthCmd{Broker: brokerEmbedded, Partitions: []int32{1, 2}, Inputs: []int32{1, 4}, Tops: []int{10, 20}, Instances: []int{1, 2},
			Pages: 100, Messages: 20_000, Repeat: 1, Timeout: time.Minute},
		&idleCmd{Broker: embedded, Rates: []int{0, 1000}, Repeat: 1, steadyTraffic: sent},
		&compressionCmd{Broker: embedded, Codecs: []string{"none", "zstd"}, Backlogs: []int{100}, Messages: 20_000, Rates: []int{1000}, Repeat: 1,
			Timeout: time.Minute, steadyTraffic: sent},
		&streamsCmd{Broker: embedded, Rate: 1000, Clients: 20, Repeat: 1, steadyTraffic: sent},
	}
}
