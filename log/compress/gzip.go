package compress

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// Kafka's levels of gzip: -1 for the default, else 1 to 9.
const (
	gzipDefault = -1
	gzipMin     = 1
	gzipMax     = 9
)

// gzipIn is a decoder with its source, kept together so that one pool holds both.
type gzipIn struct {
	src bytes.Reader
	zip gzip.Reader
}

// gzipOut is an encoder with its destination.
type gzipOut struct {
	to  appender
	zip *gzip.Writer
}

var (
	gzipReaders = sync.Pool{New: func() any { return new(gzipIn) }}
	gzipWriters [gzipMax + 1]sync.Pool // of *gzipOut, by level; 0 is the default level
)

// inflateGzip reads all members of src.
func inflateGzip(dst, src []byte, most int) ([]byte, error) {
	in := gzipReaders.Get().(*gzipIn)
	defer gzipReaders.Put(in)
	in.src.Reset(src)
	defer in.src.Reset(nil)
	if err := in.zip.Reset(&in.src); err != nil {
		return dst, fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	end := len(dst) + most
	for {
		dst = grow(dst, end)
		n, err := in.zip.Read(dst[len(dst):cap(dst)])
		dst = dst[:len(dst)+n]
		switch {
		case len(dst) > end:
			return dst, ErrTooLarge
		case errors.Is(err, io.EOF):
			return dst, nil
		case err != nil:
			return dst, fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
	}
}

// grow makes room for at least one byte more: twice what there is, but never much beyond
// end, which is where ErrTooLarge begins.
func grow(dst []byte, end int) []byte {
	if len(dst) < cap(dst) {
		return dst
	}
	size := min(max(2*cap(dst), cap(dst)+4096), end+1)
	size = max(size, len(dst)+1)
	bigger := make([]byte, len(dst), size)
	copy(bigger, dst)
	return bigger
}

func deflateGzip(dst, src []byte, level int) ([]byte, error) {
	level = gzipLevel(level)
	pool := &gzipWriters[max(level, 0)]
	out, ok := pool.Get().(*gzipOut)
	if !ok {
		out = new(gzipOut)
		var err error
		if out.zip, err = gzip.NewWriterLevel(&out.to, level); err != nil {
			return dst, err
		}
	}
	defer pool.Put(out)
	return out.deflate(dst, src)
}

// deflate writes src as one member.
func (o *gzipOut) deflate(dst, src []byte) ([]byte, error) {
	o.to.buf = dst
	defer func() { o.to.buf = nil }()
	o.zip.Reset(&o.to)
	if _, err := o.zip.Write(src); err != nil {
		return dst, err
	}
	if err := o.zip.Close(); err != nil {
		return dst, err
	}
	return o.to.buf, nil
}

func gzipLevel(level int) int {
	if level == DefaultLevel || level == gzipDefault {
		return gzipDefault
	}
	return min(max(level, gzipMin), gzipMax)
}

// appender is an io.Writer over a growing slice.
type appender struct{ buf []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.buf = append(a.buf, p...)
	return len(p), nil
}
