// Package compress inflates and deflates the records of a batch with the codecs of
// Kafka's attribute bits 0-2. Whatever it reads comes from a client and is not trusted:
// the bound on what may come out is kept while inflating, never checked afterwards, and
// no length found in the data is believed before the data that would fill it is there.
//
//	codec   bits  framing
//	none    0     the bytes themselves
//	gzip    1     one or more RFC 1952 members
//	snappy  2     xerial blocks (see snappy.go), or one raw snappy block
//	lz4     3     one LZ4 frame of independent blocks (see lz4.go)
//	zstd    4     one or more zstd frames, window at most 128 MiB
//
// Inflate and Deflate append to the caller's buffer; the encoders and decoders are pooled,
// so that a caller who keeps its buffer allocates nothing at steady state.
package compress

import (
	"errors"
	"fmt"
	"math"
)

// Codec is a compression codec by its number in a batch's attributes.
type Codec int8

// The codecs that Kafka's clients know.
const (
	None   Codec = 0
	Gzip   Codec = 1
	Snappy Codec = 2
	LZ4    Codec = 3
	Zstd   Codec = 4
)

// DefaultLevel asks Deflate for the codec's own default: gzip -1, lz4 9, zstd 3.
const DefaultLevel = math.MinInt32

var (
	// ErrTooLarge says that inflating would pass Limits.Max.
	ErrTooLarge = errors.New("inflates to more than is allowed")
	// ErrCorrupt says that the data is not what its codec would write.
	ErrCorrupt = errors.New("compressed data is corrupt")
	// ErrUnknownCodec says that no such codec exists.
	ErrUnknownCodec = errors.New("unknown compression codec")
)

// Limits bounds one call of Inflate.
type Limits struct {
	// Max is the most bytes that the call may append. Zero allows none.
	Max int
	// LegacyLZ4 accepts any header checksum in an LZ4 frame, as is needed for
	// message sets of magic 0, whose writers computed it over the wrong bytes.
	LegacyLZ4 bool
}

var names = [...]string{None: "none", Gzip: "gzip", Snappy: "snappy", LZ4: "lz4", Zstd: "zstd"}

// ParseCodec gives the codec of a name as compression.type spells it; uncompressed is None.
func ParseCodec(name string) (Codec, error) {
	if name == "uncompressed" {
		return None, nil
	}
	for c, n := range names {
		if n == name {
			return Codec(c), nil
		}
	}
	return None, fmt.Errorf("%w %q", ErrUnknownCodec, name)
}

// String gives the codec's name, or its number when it has none.
func (c Codec) String() string {
	if !c.Known() {
		return fmt.Sprintf("codec(%d)", int8(c))
	}
	return names[c]
}

// Known tells whether the codec exists.
func (c Codec) Known() bool { return c >= None && c <= Zstd }

// Inflate appends to dst what src holds, and returns the grown slice. On an error dst
// comes back at its old length: ErrUnknownCodec, ErrCorrupt or ErrTooLarge.
func Inflate(dst []byte, c Codec, src []byte, l Limits) ([]byte, error) {
	var out []byte
	var err error
	switch c {
	case None:
		if len(src) > l.Max {
			return dst, ErrTooLarge
		}
		return append(dst, src...), nil
	case Gzip:
		out, err = inflateGzip(dst, src, l.Max)
	case Snappy:
		out, err = inflateSnappy(dst, src, l.Max)
	case LZ4:
		out, err = inflateLZ4(dst, src, l)
	case Zstd:
		out, err = inflateZstd(dst, src, l.Max)
	default:
		return dst, fmt.Errorf("%w %d", ErrUnknownCodec, int8(c))
	}
	if err != nil {
		return dst, err
	}
	return out, nil
}

// Deflate appends to dst what c makes of src, at a level with Kafka's meaning (gzip -1 and
// 1..9, lz4 1..17, zstd -131072..22; None and Snappy have none), and returns the grown
// slice. A level out of range is taken to the nearest one.
func Deflate(dst []byte, c Codec, src []byte, level int) ([]byte, error) {
	switch c {
	case None:
		return append(dst, src...), nil
	case Gzip:
		return deflateGzip(dst, src, level)
	case Snappy:
		return deflateSnappy(dst, src), nil
	case LZ4:
		return deflateLZ4(dst, src, level, false), nil
	case Zstd:
		return deflateZstd(dst, src, level)
	default:
		return dst, fmt.Errorf("%w %d", ErrUnknownCodec, int8(c))
	}
}

// DeflateLegacyLZ4 is Deflate with LZ4 for a message set of magic 0: the header checksum is
// computed over the frame's magic number too, as readers of that time expect.
func DeflateLegacyLZ4(dst, src []byte, level int) []byte {
	return deflateLZ4(dst, src, level, true)
}
