package zookeeper

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
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

// closeSession is the opcode that ends a session.
const closeSession = -11

// ExpireSession ends a client's session now, as if it had been silent for too
// long: its ephemeral nodes go, and the client is told when it next speaks. It
// takes the session over, by the password that a server derives from the id,
// and closes it.
func (s *Server) ExpireSession(ctx context.Context, id int64) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return fmt.Errorf("zookeeper: %w", err)
	}
	deadline, _ := ctx.Deadline()
	err = errors.Join(c.SetDeadline(deadline), expire(c, id), c.Close())
	if err != nil {
		return fmt.Errorf("zookeeper: end session %#x: %w", id, err)
	}
	return nil
}

func expire(c net.Conn, id int64) error {
	connect := binary.BigEndian.AppendUint32(nil, 0)         // protocol version
	connect = binary.BigEndian.AppendUint64(connect, 0)      // last zxid seen
	connect = binary.BigEndian.AppendUint32(connect, 30_000) // timeout, ms
	connect = binary.BigEndian.AppendUint64(connect, uint64(id))
	connect = binary.BigEndian.AppendUint32(connect, 16)
	connect = append(connect, sessionPassword(id)...)
	answer, err := exchange(c, connect)
	if err != nil {
		return err
	}
	// version, timeout, session id, password
	if len(answer) < 16 || int64(binary.BigEndian.Uint64(answer[8:])) != id {
		return errors.New("the server knows no such session")
	}
	var end bytes.Buffer
	for _, field := range []int32{1, closeSession} { // xid, opcode
		if err := binary.Write(&end, binary.BigEndian, field); err != nil {
			return err
		}
	}
	_, err = exchange(c, end.Bytes())
	return err
}

// exchange sends a frame and reads one.
func exchange(c net.Conn, frame []byte) ([]byte, error) {
	if _, err := c.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(frame))), frame...)); err != nil {
		return nil, err
	}
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
