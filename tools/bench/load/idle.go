package load

import (
	"context"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Ping asks a broker which apis it has.
func Ping(ctx context.Context, address string) error {
	closeAll, err := Idle(ctx, address, 1)
	closeAll()
	return err
}

// Idle opens n connections, makes one request on each, and leaves them open until
// the returned function is called, which must be in any case.
func Idle(ctx context.Context, address string, n int) (closeAll func(), err error) {
	var conns []net.Conn
	closeAll = func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}
	for range n {
		var d net.Dialer
		socket, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			return closeAll, err
		}
		conns = append(conns, socket)
		if deadline, ok := ctx.Deadline(); ok {
			if err := socket.SetDeadline(deadline); err != nil {
				return closeAll, err
			}
		}
		c := conn{socket: socket.(*net.TCPConn)}
		if _, err := c.ask(kmsg.NewPtrApiVersionsRequest()); err != nil {
			return closeAll, err
		}
	}
	return closeAll, nil
}
