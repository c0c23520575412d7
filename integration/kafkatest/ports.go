package kafkatest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// Brokers listen below the range of ephemeral ports (from 32768 on Linux). In that range, a client
// of the test could get the port of a killed broker, which then could not start again, or a client
// could connect to itself.
const lowestPort, highestPort = 15000, 32000

// freePorts returns n unused loopback ports. Another process may take one first; then Start
// tries again.
func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	taken := make(map[int]bool, n)
	for range 200 * n {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		if taken[port] {
			continue
		}
		taken[port] = true
		l, err := net.Listen("tcp", loopback(port))
		if err != nil {
			continue
		}
		if err := l.Close(); err != nil {
			return nil, fmt.Errorf("kafkatest: freeing port %d again: %w", port, err)
		}
		if ports = append(ports, port); len(ports) == n {
			return ports, nil
		}
	}
	return nil, fmt.Errorf("kafkatest: no %d free ports on 127.0.0.1 between %d and %d", n, lowestPort, highestPort)
}

// FreeAddress returns an unused loopback address. Another process may take it first.
func FreeAddress() (string, error) {
	ports, err := freePorts(1)
	if err != nil {
		return "", err
	}
	return loopback(ports[0]), nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
