package main

import (
	"fmt"
	"strconv"

	"pageheat/traffic"
)

// The brokers that can be started.
const (
	brokerEmbedded = "embedded" // kfake, in the process of bench
	brokerKafka    = "kafka"    // Apache Kafka, or the cluster that KAFKA_BROKERS names
)

// The contenders.
const (
	caseCeiling = "ceiling" // sarama: parse, and sum in a map
	caseFranz   = "franz"   // the same with franz-go
	caseGoka    = "goka"    // goka as its examples write it
	caseOne     = "one"     // pageheat run, one process
	caseTwo     = "two"     // pageheat run, two processes
	caseDisk    = "disk"    // pageheat run, one process, its pages on disk
)

// zipfExponent is the exponent of the traffic "zipf".
const zipfExponent = 1.1

// The kinds of traffic: how often the pages are visited.
const (
	trafficUniform = "uniform"
	trafficZipf    = "zipf"
)

// scenario is what all contenders of one comparison have in common.
type scenario struct {
	Broker     string `json:"broker"`
	Pages      int    `json:"pages"`
	Traffic    string `json:"traffic"`
	Partitions int32  `json:"partitions"`
	// Messages is the size of the backlog. That of goka is smaller.
	Messages int64 `json:"messages"`
}

func (s scenario) String() string {
	return fmt.Sprintf("%s, %s pages, %s, %d partitions", s.Broker, thousands(int64(s.Pages)), s.Traffic, s.Partitions)
}

// slug names the scenario in topics and in files.
func (s scenario) slug() string {
	return fmt.Sprintf("%s-%d-%s-%d", s.Broker, s.Pages, s.Traffic, s.Partitions)
}

// options are the simulator's; every run of a scenario gets the same messages.
func (s scenario) options() traffic.Options {
	o := traffic.Options{Pages: s.Pages, Seed: 1}
	if s.Traffic == trafficZipf {
		o.Zipf = zipfExponent
	}
	return o
}

// scenarios are all combinations of the flags.
func (c *throughputCmd) scenarios() []scenario {
	var all []scenario
	for _, broker := range c.Broker {
		for _, pages := range c.Pages {
			for _, kind := range c.Traffic {
				for _, partitions := range c.Partitions {
					all = append(all, scenario{Broker: broker, Pages: pages, Traffic: kind,
						Partitions: partitions, Messages: c.Messages})
				}
			}
		}
	}
	return all
}

// thousands writes a number, not below 0, with a comma between thousands.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
