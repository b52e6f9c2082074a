package server

import (
	"errors"
	"syscall"
)

// spliceMin is the least range that sendfile is worth; less is read and copied.
const spliceMin = 32 << 10

// batchMax is how much of bodies is put together into one output.
const batchMax = 256 << 10

// errFileShort says that a file ended inside a range that a log promised.
var errFileShort = errors.New("log file ends inside the range that was to be sent")

// output is a run of answers on their way out: bytes, and between them ranges
// of files. It can stop at any byte, when the socket is full, and go on.
type output struct {
	Response         // answers, heads included, put together
	block    *buffer // what Buf began in
	sent     int     // bytes of Buf that are out
	next     int     // the slice to send when sent reaches its At
	off      int64   // bytes of that slice that are out
}

// encode puts the answers of the list together.
func (o *output) encode(list *answer) error {
	n := 0
	for a := list; a != nil; a = a.behind {
		n += headMax + len(a.Buf)
		for i := range a.Slices {
			if s := &a.Slices[i].Data; s.Len() < spliceMin {
				n += s.Len()
			}
		}
	}
	o.block = takeBuffer(n)
	o.Buf = o.block.b[:0]
	for a := list; a != nil; a = a.behind {
		if err := o.append(a); err != nil {
			return err
		}
	}
	return nil
}

// append adds one answer and takes its slices over.
func (o *output) append(a *answer) error {
	from, length := len(o.Buf), a.Len()
	o.Buf = appendHead(o.Buf, a, length)
	head, at := len(o.Buf)-from, 0
	a.bytes = head + length
	for i := range a.Slices {
		s := &a.Slices[i]
		o.Buf = append(o.Buf, a.Buf[at:s.At]...)
		at = s.At
		if _, _, file := s.Data.File(); file && s.Data.Len() >= spliceMin {
			o.Slices = append(o.Slices, Splice{At: len(o.Buf), Data: s.Data})
			*s = Splice{}
			continue
		}
		before, want := len(o.Buf), s.Data.Len()
		var err error
		if o.Buf, err = s.Data.Bytes(o.Buf); err != nil {
			return err
		}
		if len(o.Buf)-before != want {
			return errFileShort
		}
	}
	o.Buf = append(o.Buf, a.Buf[at:]...)
	return nil
}

// push sends to fd until all is out (done), the socket is full, or an error.
// It returns the bytes that went out.
func (o *output) push(fd int) (n int64, done bool, err error) {
	for {
		end, more := len(o.Buf), o.next < len(o.Slices)
		if more {
			end = o.Slices[o.next].At
		}
		var k int
		switch {
		case o.sent < end:
			k, err = sendBytes(fd, o.Buf[o.sent:end], more)
			o.sent += max(k, 0)
		case more:
			k, err = o.pushSlice(fd)
		default:
			return n, true, nil
		}
		n += int64(max(k, 0))
		switch {
		case err == nil, errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return n, false, nil
		default:
			return n, false, err
		}
	}
}

// pushSlice sends of the next slice, with its own offset: the descriptor's
// position is shared by all readers of the file.
func (o *output) pushSlice(fd int) (int, error) {
	s := &o.Slices[o.next].Data
	left := int64(s.Len()) - o.off
	if left == 0 {
		s.Release()
		o.next, o.off = o.next+1, 0
		return 0, nil
	}
	n, err := sendSlice(fd, s, o.off, int(left))
	if n > 0 {
		o.off += int64(n)
	} else if err == nil {
		err = errFileShort
	}
	return n, err
}

// len returns how many bytes there are in all.
func (o *output) len() int { return o.Response.Len() }

// reset forgets everything and releases what is held.
func (o *output) reset() {
	o.Response.Reset()
	o.Buf = nil
	if cap(o.Slices) > 64 {
		o.Slices = nil
	}
	if o.block != nil {
		o.block.give()
	}
	o.block, o.sent, o.next, o.off = nil, 0, 0, 0
}
