package server

import "net/netip"

// Conn is one client's connection.
type Conn struct {
	// State belongs to the handler, which may touch it only inside Handle.
	State any

	id            uint64
	listener      string
	remote, local netip.AddrPort
}

// answer is one request's place in the order of answers.
type answer struct {
	Response
}

// ID returns a number that no other connection of this server has had.
func (c *Conn) ID() uint64 { return c.id }

// Listener returns the name of the listener that accepted it.
func (c *Conn) Listener() string { return c.listener }

// RemoteAddr returns the client's address.
func (c *Conn) RemoteAddr() netip.AddrPort { return c.remote }

// LocalAddr returns the address that the client has dialled.
func (c *Conn) LocalAddr() netip.AddrPort { return c.local }

// Software returns the name and version of the client's library, as told by
// SetSoftware; "" where it has not told. Safe for concurrent use.
func (c *Conn) Software() (name, version string) { return "", "" }

// SetSoftware keeps what ApiVersions v3+ tells about the client's library (KIP-511).
func (c *Conn) SetSoftware(name, version string) {}

// Closed reports whether the connection is gone, so that work for it is in vain.
func (c *Conn) Closed() bool { return false }
