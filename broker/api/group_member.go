package api

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/coordinator"
)

// caller is a client as members of groups are described to others.
func caller(r *server.Request) *coordinator.Caller {
	return &coordinator.Caller{ClientID: r.ClientID, ClientHost: clientHost(r.Conn.RemoteAddr().Addr())}
}

// clientHost writes an address as Java does: a slash, and IPv6 with all its
// eight groups.
func clientHost(a netip.Addr) string {
	a = a.Unmap()
	if !a.Is6() {
		return "/" + a.String()
	}
	groups := make([]string, 8)
	bytes := a.As16()
	for i := range groups {
		groups[i] = fmt.Sprintf("%x", uint16(bytes[2*i])<<8|uint16(bytes[2*i+1]))
	}
	host := "/" + strings.Join(groups, ":")
	if a.Zone() != "" {
		host += "%" + a.Zone()
	}
	return host
}
