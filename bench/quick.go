package main

import (
	"context"
	"time"
)

// quick does a little of everything on the embedded broker. It says nothing of
// speed: it is there so that the benchmarks can be relied on to run.
func quick(ctx context.Context, o out, output outputFlags) error {
	program, clean, err := output.build(ctx, &profiles{})
	if err != nil {
		return err
	}
	defer clean()
	built := outputFlags{Program: program}
	results := newReport()
	throughput := throughputCmd{Broker: []string{brokerEmbedded}, Cases: []string{caseCeiling, caseFranz, caseGoka, caseOne, caseTwo, caseDisk},
		Pages: []int{100}, Traffic: []string{trafficZipf}, Partitions: []int32{2}, Messages: 20_000, Repeat: 1,
		Audit: true, Timeout: time.Minute, outputFlags: built}
	latency := latencyCmd{Broker: []string{brokerEmbedded}, Rates: []int{1000}, Lingers: []time.Duration{5 * time.Millisecond}, Repeat: 1,
		Pages: 100, Partitions: 2, For: time.Second, Warmup: 100 * time.Millisecond, outputFlags: built}
	pages := pagesCmd{Broker: []string{brokerEmbedded}, Pages: []int{5_000}, NameBytes: 40, Rounds: 1, Partitions: 2, Restores: 2, Pauses: true, outputFlags: built}
	growth := growthCmd{Broker: brokerEmbedded, Partitions: []int32{1, 2}, Inputs: []int32{1, 4}, Tops: []int{10, 20}, Instances: []int{1, 2},
		Pages: 100, Messages: 20_000, Repeat: 1, Audit: true, Timeout: time.Minute, outputFlags: built}
	streams := streamsCmd{Broker: []string{brokerEmbedded}, Rate: 1000, Clients: 20, Repeat: 1, Pages: 100, Partitions: 2,
		For: time.Second, Warmup: 100 * time.Millisecond} // with a program of its own, which writes profiles
	for _, measure := range []func(context.Context, out, *report) error{throughput.measure, latency.measure, pages.measure, growth.measure, streams.measure} {
		if err := measure(ctx, o, results); err != nil {
			return err
		}
	}
	return output.finish(o, results)
}
