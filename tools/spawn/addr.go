package spawn

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"sync/atomic"
)

// The ports that FreeAddr gives: below those that kernels give of their own accord,
// to whoever asks for any.
const (
	firstPort = 20_000
	ports     = 12_000
)

// given counts the ports that were tried.
var given atomic.Int64

// FreeAddr returns a loopback address that nobody listens on, and that no other
// caller gets. It stays free until its user comes, and comes again: 127.0.0.0/8 is
// the machine's own, and in it each process has an address for itself, made of its
// process id. Where there is only 127.0.0.1, another program may be faster.
func FreeAddr() (string, error) {
	pid := os.Getpid()
	host := net.IPv4(127, byte(64+pid>>16&0x7f), byte(pid>>8), byte(pid)).String()
	for range ports {
		port := firstPort + given.Add(1)%ports
		if l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.FormatInt(port, 10))); err == nil {
			return l.Addr().String(), l.Close()
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("spawn: find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}
