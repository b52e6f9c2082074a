package admin

import (
	"errors"
	"fmt"
	"net"
)

// The states that systemd is told with Notify (Type=notify).
const (
	StateReady    = "READY=1"
	StateStopping = "STOPPING=1"
)

// Notify tells the service manager a state through the datagram socket that the
// NOTIFY_SOCKET variable names; a name that begins with @ is an abstract one.
// An empty socket, which is what a process started by hand has, does nothing.
func Notify(socket, state string) (err error) {
	if socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("tell the service manager %s: %w", state, err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.Write([]byte(state)); err != nil {
		return fmt.Errorf("tell the service manager %s: %w", state, err)
	}
	return nil
}
