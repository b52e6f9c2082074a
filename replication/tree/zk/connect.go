package zk

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/leatmq/leat/replication/tree"
)

// defaultPort is ZooKeeper's.
const defaultPort = "2181"

// ParseConnect takes a connect string apart: "host:port,host:port/chroot". A
// port that is missing is 2181; the chroot is "" where there is none.
func ParseConnect(s string) (servers []string, chroot string, err error) {
	hosts := s
	if i := strings.IndexByte(s, '/'); i >= 0 {
		hosts, chroot = s[:i], strings.TrimSuffix(s[i:], "/")
	}
	if chroot != "" {
		if err := tree.ValidatePath(chroot); err != nil {
			return nil, "", fmt.Errorf("zookeeper.connect %q: chroot: %w", s, err)
		}
	}
	for host := range strings.SplitSeq(hosts, ",") {
		host = strings.TrimSpace(host)
		if host == "" {
			continue
		}
		name, port, err := net.SplitHostPort(host)
		var bad *net.AddrError
		if errors.As(err, &bad) && bad.Err == "missing port in address" {
			name, port, err = strings.Trim(host, "[]"), defaultPort, nil
		}
		if err == nil && (name == "" || port == "") {
			err = errors.New("host:port expected")
		}
		if err != nil {
			return nil, "", fmt.Errorf("zookeeper.connect %q: %w", s, err)
		}
		servers = append(servers, net.JoinHostPort(name, port))
	}
	if len(servers) == 0 {
		return nil, "", fmt.Errorf("zookeeper.connect %q names no server", s)
	}
	return servers, chroot, nil
}
