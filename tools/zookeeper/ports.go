package zookeeper

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// The ports that servers listen on: below those that the kernel gives to
// whoever connects or asks for any port. One of those could go to somebody else
// before the server has started, or while it is killed.
const (
	firstPort  = 12_000
	afterPorts = 32_000
)

// reserve returns different ports of 127.0.0.1 that nobody listens on, and that
// no other ensemble of this machine gets before this one is closed. What says so
// is a socket of that name in the abstract namespace, which ends with the process.
func (e *Ensemble) reserve(n int) (ports []int, err error) {
	for range afterPorts - firstPort {
		if len(ports) == n {
			return ports, nil
		}
		port := firstPort + rand.IntN(afterPorts-firstPort)
		held, err := net.Listen("unix", fmt.Sprintf("@leat-zookeeper-port-%d", port))
		if err != nil {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			if err := held.Close(); err != nil {
				return nil, fmt.Errorf("zookeeper: %w", err)
			}
			continue
		}
		if err := l.Close(); err != nil {
			return nil, errors.Join(err, held.Close())
		}
		e.ports, ports = append(e.ports, held), append(ports, port)
	}
	return nil, errors.New("zookeeper: no free ports")
}
