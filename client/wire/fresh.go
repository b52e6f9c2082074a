package wire

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// fresh says whether a connection that lay unused can be used still: the peer
// has neither closed it nor sent what nobody asked for. A request on a
// connection that its peer has closed would fail without need, and nobody could
// say whether it was carried out.
func (c *Conn) fresh() bool {
	select {
	case <-c.closed:
		return false
	default:
	}
	sc, ok := c.raw.(syscall.Conn)
	if !ok {
		return true
	}
	rc, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	alive := false
	err = rc.Read(func(fd uintptr) bool {
		var one [1]byte
		n, _, err := unix.Recvfrom(int(fd), one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		alive = err == unix.EAGAIN || n > 0 && c.o.TLS != nil // TLS sends tickets when it likes
		return true
	})
	return err == nil && alive
}
