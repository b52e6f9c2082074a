package wire

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Request is what can be sent: every kmsg.Request, and Raw.
type Request interface {
	Key() int16
	GetVersion() int16
	IsFlexible() bool
	AppendTo(dst []byte) []byte
}

// Response is what an answer is read into: every kmsg.Response, and Answer.
type Response interface {
	SetVersion(version int16)
	// ReadFrom decodes the body, and may go on pointing into it.
	ReadFrom(body []byte) error
}

// Raw is a request whose body is encoded already, to be passed on.
type Raw struct {
	APIKey     int16
	APIVersion int16
	Flexible   bool // the version is a flexible one
	Body       []byte
}

// Key is the API's number.
func (r *Raw) Key() int16 { return r.APIKey }

// GetVersion is the version of the API.
func (r *Raw) GetVersion() int16 { return r.APIVersion }

// IsFlexible says whether the headers have tags.
func (r *Raw) IsFlexible() bool { return r.Flexible }

// AppendTo appends the body.
func (r *Raw) AppendTo(dst []byte) []byte { return append(dst, r.Body...) }

// Answer is the body of an answer as it came, to be passed on.
type Answer struct{ Body []byte }

// SetVersion does nothing: the body is not looked at.
func (a *Answer) SetVersion(int16) {}

// ReadFrom keeps the body.
func (a *Answer) ReadFrom(body []byte) error {
	a.Body = body
	return nil
}

const (
	keyAPIVersions        = 18
	keyControlledShutdown = 7
)

// keepOut is how large a buffer for requests a connection keeps, in bytes.
const keepOut = 1 << 20

// Do sends a request and reads its answer into resp. The answer's bytes go into
// buf as far as it reaches; the buffer that holds them is returned, with or
// without an error, and resp may point into it. While ctx lasts the answer is
// waited for; when it ends, a request under way is given up and the connection
// is closed.
//
// Errors: ctx's, ErrClosed, ErrTimeout, ErrProtocol, and the network's. Only
// one that waited for its turn in vain leaves the connection open.
func (c *Conn) Do(ctx context.Context, req Request, resp Response, buf []byte) ([]byte, error) {
	select {
	case <-c.turn:
	case <-c.closed:
		return buf, fmt.Errorf("%s: %w", c.o.Addr, ErrClosed)
	case <-ctx.Done():
		return buf, context.Cause(ctx)
	}
	defer func() { c.turn <- struct{}{} }()
	select {
	case <-c.closed:
		return buf, fmt.Errorf("%s: %w", c.o.Addr, ErrClosed)
	default:
	}
	stop := context.AfterFunc(ctx, c.Close)
	defer stop()
	body, buf, err := c.exchange(req, buf)
	if err == nil {
		resp.SetVersion(req.GetVersion())
		if err = resp.ReadFrom(body); err != nil {
			err = fmt.Errorf("%w: answer of %d bytes to request %d version %d: %w", ErrProtocol, len(body), req.Key(), req.GetVersion(), err)
		}
	}
	if err != nil {
		return buf, c.failed(ctx, err)
	}
	return buf, nil
}

// failed closes the connection, and finds the error that says most.
func (c *Conn) failed(ctx context.Context, err error) error {
	closed := false
	select {
	case <-c.closed:
		closed = true
	default:
	}
	c.Close()
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", c.o.Addr, context.Cause(ctx))
	case closed:
		return fmt.Errorf("%s: %w", c.o.Addr, ErrClosed)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%s: %w (%s)", c.o.Addr, ErrTimeout, c.o.Timeout)
	}
	return fmt.Errorf("%s: %w", c.o.Addr, err)
}

// exchange writes a request and reads the answer's frame. It returns the body
// and the buffer that it is in.
func (c *Conn) exchange(req Request, buf []byte) (body, in []byte, err error) {
	var deadline time.Time
	if c.o.Timeout > 0 {
		deadline = time.Now().Add(c.o.Timeout)
	}
	if err := c.nc.SetDeadline(deadline); err != nil {
		return nil, buf, err
	}
	c.sent++
	c.out = c.appendRequest(c.out[:0], req)
	_, err = c.nc.Write(c.out)
	if cap(c.out) > keepOut {
		c.out = nil
	}
	if err != nil {
		return nil, buf, err
	}
	in, err = readFrame(c.nc, buf, c.o.MaxResponse)
	if err != nil {
		return nil, in, err
	}
	body, err = bodyOf(in[4:], c.sent, req.IsFlexible() && req.Key() != keyAPIVersions)
	return body, in, err
}

// appendRequest appends a whole request, its length in front.
func (c *Conn) appendRequest(dst []byte, req Request) []byte {
	dst = append(dst, 0, 0, 0, 0)
	dst = binary.BigEndian.AppendUint16(dst, uint16(req.Key()))
	dst = binary.BigEndian.AppendUint16(dst, uint16(req.GetVersion()))
	dst = binary.BigEndian.AppendUint32(dst, uint32(c.sent))
	if req.Key() != keyControlledShutdown || req.GetVersion() > 0 { // which once had no client id
		dst = binary.BigEndian.AppendUint16(dst, uint16(len(c.o.ClientID)))
		dst = append(dst, c.o.ClientID...)
	}
	if req.IsFlexible() {
		dst = append(dst, 0)
	}
	dst = req.AppendTo(dst)
	binary.BigEndian.PutUint32(dst, uint32(len(dst)-4))
	return dst
}

// firstRead is how much memory an answer gets before any of it is there, in
// bytes.
const firstRead = 16 << 10

// readFrame reads one frame, its length included, into buf, which grows as the
// bytes arrive. Nothing may follow the frame: nothing was asked for.
func readFrame(r io.Reader, buf []byte, most int) ([]byte, error) {
	buf = buf[:0]
	if cap(buf) < firstRead {
		buf = make([]byte, 0, firstRead)
	}
	want := 4
	for sized := false; len(buf) < want || !sized; {
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), min(want, 2*cap(buf)))
			copy(grown, buf)
			buf = grown
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if !sized && len(buf) >= 4 {
			size := int64(int32(binary.BigEndian.Uint32(buf)))
			if size < 4 || size > int64(most) {
				return buf, fmt.Errorf("%w: an answer of %d bytes, where 4 to %d are taken", ErrProtocol, size, most)
			}
			want, sized = int(size)+4, true
		}
		if err != nil && (!sized || len(buf) < want) {
			if errors.Is(err, io.EOF) && len(buf) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return buf, fmt.Errorf("read the answer: %w", err)
		}
	}
	if len(buf) > want {
		return buf, fmt.Errorf("%w: %d bytes behind the answer", ErrProtocol, len(buf)-want)
	}
	return buf, nil
}

// bodyOf checks and takes off the header of an answer.
func bodyOf(frame []byte, sent int32, flexible bool) ([]byte, error) {
	if got := int32(binary.BigEndian.Uint32(frame)); got != sent {
		return nil, fmt.Errorf("%w: answer to request %d where that to %d was due", ErrProtocol, got, sent)
	}
	body := frame[4:]
	if !flexible {
		return body, nil
	}
	tags, body, ok := uvarint(body)
	for ; ok && tags > 0; tags-- {
		var size uint64
		if _, body, ok = uvarint(body); !ok {
			break
		}
		if size, body, ok = uvarint(body); ok && size <= uint64(len(body)) {
			body = body[size:]
		} else {
			ok = false
		}
	}
	if !ok {
		return nil, fmt.Errorf("%w: header of the answer is cut short", ErrProtocol)
	}
	return body, nil
}

// uvarint takes a number off b.
func uvarint(b []byte) (uint64, []byte, bool) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, false
	}
	return v, b[n:], true
}
