package zookeeper

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
)

// passwordSeed is mixed with a session's id to seed the generator of its
// password: the same in every ZooKeeper server.
const passwordSeed = 0xB3415C00

// sessionPassword is the password of a session: 16 bytes of Java's linear
// congruential generator (48 bits, the upper 32 of each step, little end
// first).
func sessionPassword(id int64) []byte {
	const multiplier, mask = 0x5DEECE66D, 1<<48 - 1
	state := (uint64(id) ^ passwordSeed ^ multiplier) & mask
	var out []byte
	for range 4 {
		state = (state*multiplier + 0xB) & mask
		out = binary.LittleEndian.AppendUint32(out, uint32(state>>16))
	}
	return out
}

// opClose is the opcode that ends a session, -11.
const opClose = 0xFFFFFFF5

var errNoSession = errors.New("the server knows no such session")

// takeovers is how often ExpireSession tries: the client may take its session
// back in between.
const takeovers = 20

// ExpireSession ends a client's session now, as if it had been silent for too
// long: its ephemeral nodes go, and the client is told when it next speaks. It
// takes the session over, by the password that a server derives from the id,
// and closes it.
func (s *Server) ExpireSession(ctx context.Context, id int64) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var err error
	for try := range takeovers {
		err = s.expire(ctx, id)
		if err == nil || try > 0 && errors.Is(err, errNoSession) {
			return nil
		}
		if errors.Is(err, errNoSession) || ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("zookeeper: end session %#x: %w", id, err)
}

func (s *Server) expire(ctx context.Context, id int64) error {
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return err
	}
	deadline, _ := ctx.Deadline()
	return errors.Join(c.SetDeadline(deadline), takeOver(c, id), c.Close())
}

// takeOver sends both requests at once: the client, thrown out by the first,
// comes back soon.
func takeOver(c net.Conn, id int64) error {
	connect := binary.BigEndian.AppendUint32(nil, 0)         // protocol version
	connect = binary.BigEndian.AppendUint64(connect, 0)      // last zxid seen
	connect = binary.BigEndian.AppendUint32(connect, 30_000) // timeout, ms
	connect = binary.BigEndian.AppendUint64(connect, uint64(id))
	connect = binary.BigEndian.AppendUint32(connect, 16)
	connect = append(connect, sessionPassword(id)...)
	end := binary.BigEndian.AppendUint32(nil, 1) // xid
	end = binary.BigEndian.AppendUint32(end, opClose)
	if _, err := c.Write(append(frame(connect), frame(end)...)); err != nil {
		return err
	}
	answer, err := readFrame(c)
	if err != nil {
		return err
	}
	// version, timeout, session id, password
	if len(answer) < 16 || int64(binary.BigEndian.Uint64(answer[8:])) != id {
		return errNoSession
	}
	_, err = readFrame(c)
	return err
}

func frame(body []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func readFrame(c net.Conn) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > 1<<20 {
		return nil, fmt.Errorf("an answer of %d bytes", n)
	}
	answer := make([]byte, n)
	_, err := io.ReadFull(c, answer)
	return answer, err
}
