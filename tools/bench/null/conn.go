package null

import (
	"encoding/binary"
	"errors"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// bufferSize is what a connection reads into; larger requests enlarge it.
	bufferSize = 1 << 20
	frameMax   = 100 << 20
)

var errProtocol = errors.New("null: unexpected request")

// conn serves one connection.
type conn struct {
	broker *Broker
	socket *net.TCPConn
	raw    syscall.RawConn

	in         []byte
	start, end int
	out        []byte

	pending []pending // produced batches that came with the same read
	batches [][]byte
	request request
}

// pending is a batch on its way into a partition, and where its base offset
// goes in out.
type pending struct {
	partition *partition
	batch     []byte
	answer    int
}

// request is a header, and what follows it.
type request struct {
	key, version  int16
	correlationID uint32
	body          reader
}

// serve reads, handles all that came, writes, until the peer closes or errs.
func (c *conn) serve() {
	var err error
	if c.raw, err = c.socket.SyscallConn(); err != nil {
		return
	}
	c.in = make([]byte, bufferSize)
	for {
		for {
			frame, ok := c.frame()
			if !ok {
				break
			}
			if c.handle(frame) != nil {
				return
			}
		}
		if c.flush() != nil || c.fill() != nil {
			return
		}
	}
}

// frame returns the next whole request.
func (c *conn) frame() ([]byte, bool) {
	if c.end-c.start < 4 {
		return nil, false
	}
	n := int(binary.BigEndian.Uint32(c.in[c.start:]))
	if n > c.end-c.start-4 {
		return nil, false
	}
	f := c.in[c.start+4 : c.start+4+n]
	c.start += 4 + n
	return f, true
}

// fill reads once, after making room.
func (c *conn) fill() error {
	have := c.end - c.start
	whole := 4
	if have >= 4 {
		whole += int(binary.BigEndian.Uint32(c.in[c.start:]))
	}
	if whole > frameMax {
		return errProtocol
	}
	if whole > len(c.in) {
		next := make([]byte, whole+bufferSize)
		copy(next, c.in[c.start:c.end])
		c.in, c.start, c.end = next, 0, have
	}
	if have == 0 || c.start+whole > len(c.in) {
		copy(c.in, c.in[c.start:c.end])
		c.start, c.end = 0, have
	}
	n, err := c.socket.Read(c.in[c.end:])
	c.end += n
	return err
}

// handle handles one request.
func (c *conn) handle(frame []byte) error {
	r := reader{b: frame}
	c.request = request{key: int16(r.int16()), version: int16(r.int16()), correlationID: uint32(r.int32())}
	r.string() // client id
	c.request.body = r
	switch c.request.key {
	case keyProduce:
		return c.produce()
	case keyFetch:
		return c.fetch()
	case keyMetadata:
		return c.metadata()
	case keyAPIVersions:
		return c.versions()
	}
	return errProtocol
}

// begin begins an answer and returns where its length goes.
func (c *conn) begin() int {
	at := len(c.out)
	c.out = binary.BigEndian.AppendUint32(c.out, 0)
	c.out = binary.BigEndian.AppendUint32(c.out, c.request.correlationID)
	return at
}

// finish sets the length of the answer that began at at and has more bytes to follow.
func (c *conn) finish(at, more int) {
	binary.BigEndian.PutUint32(c.out[at:], uint32(len(c.out)-at-4+more))
}

// flush writes the batches, then the answers.
func (c *conn) flush() error {
	for i := 0; i < len(c.pending); {
		p := c.pending[i].partition
		c.batches = c.batches[:0]
		j := i
		for ; j < len(c.pending) && c.pending[j].partition == p; j++ {
			c.batches = append(c.batches, c.pending[j].batch)
		}
		offset, err := p.append(c.batches)
		if err != nil {
			return err
		}
		for ; i < j; i++ {
			at := c.pending[i].answer
			binary.BigEndian.PutUint64(c.out[at:], uint64(offset))
			offset += int64(binary.BigEndian.Uint32(c.pending[i].batch[batchLastDelta:])) + 1
		}
	}
	c.pending = c.pending[:0]
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.socket.Write(c.out)
	c.out = c.out[:0]
	return err
}

// sendFile sends out, then n bytes of the file from position on.
func (c *conn) sendFile(p *partition, position int64, n int) error {
	sent := 0
	var failed error
	err := c.raw.Write(func(socket uintptr) bool {
		for sent < len(c.out)+n {
			var k int
			var err error
			if sent < len(c.out) {
				k, err = unix.SendmsgN(int(socket), c.out[sent:], nil, nil, unix.MSG_MORE|unix.MSG_NOSIGNAL)
			} else {
				at := position + int64(sent-len(c.out))
				k, err = unix.Sendfile(int(socket), p.fd, &at, len(c.out)+n-sent)
			}
			switch {
			case err == unix.EAGAIN:
				return false
			case err == unix.EINTR:
			case err != nil:
				failed = err
				return true
			}
			sent += max(k, 0)
		}
		return true
	})
	c.out = c.out[:0]
	return errors.Join(err, failed)
}
