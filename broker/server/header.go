package server

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Request headers:
//
//	v0  key i16, version i16, correlation i32                 ControlledShutdown v0
//	v1  v0, client id: i16 length (negative: null), bytes     versions that are not flexible
//	v2  v1, tagged fields                                     flexible versions
//
// Response headers: v0 correlation i32; v1 v0, tagged fields: flexible versions,
// except ApiVersions, whose answer a client must read before it knows anything.
const (
	keyControlledShutdown = 7
	keyAPIVersions        = 18

	headerMin = 8
	// neverFlexible is above every version.
	neverFlexible = math.MaxInt16
	// clientIDKept is the longest client id that a connection keeps from one
	// request to the next.
	clientIDKept = 256
)

var (
	errUnknownAPI  = errors.New("api key is unknown")
	errHeaderShort = errors.New("request header is cut short")
	errHeaderTags  = errors.New("tagged fields of the request header are malformed")
)

// flexibleFrom holds the first flexible version of each api key, as kmsg has it.
var flexibleFrom = func() []int16 {
	from := make([]int16, kmsg.MaxKey+1)
	for key := range from {
		from[key] = neverFlexible
		r := kmsg.RequestForKey(int16(key))
		if r == nil {
			continue
		}
		for v := range r.MaxVersion() + 1 {
			if r.SetVersion(v); r.IsFlexible() {
				from[key] = v
				break
			}
		}
	}
	return from
}()

// header is a decoded request header; clientID and body are views.
type header struct {
	key, version  int16
	correlationID int32
	flexible      bool
	clientID      []byte
	body          []byte
}

// parseHeader decodes the header of a request without its length field.
func parseHeader(b []byte) (header, error) {
	if len(b) < headerMin {
		return header{}, errHeaderShort
	}
	h := header{
		key:           int16(binary.BigEndian.Uint16(b)),
		version:       int16(binary.BigEndian.Uint16(b[2:])),
		correlationID: int32(binary.BigEndian.Uint32(b[4:])),
	}
	b = b[headerMin:]
	if h.key < 0 || int(h.key) >= len(flexibleFrom) {
		return h, fmt.Errorf("%w: %d", errUnknownAPI, h.key)
	}
	h.flexible = h.version >= flexibleFrom[h.key]
	if h.key == keyControlledShutdown && h.version == 0 {
		h.body = b
		return h, nil
	}
	var err error
	if h.clientID, b, err = nullableString(b); err != nil {
		return h, err
	}
	if h.flexible {
		if b, err = skipTags(b); err != nil {
			return h, err
		}
	}
	h.body = b
	return h, nil
}

// nullableString reads a classic string. As in Kafka, any negative length is null.
func nullableString(b []byte) (s, rest []byte, err error) {
	if len(b) < 2 {
		return nil, b, errHeaderShort
	}
	n := int(int16(binary.BigEndian.Uint16(b)))
	b = b[2:]
	if n < 0 {
		return nil, b, nil
	}
	if n > len(b) {
		return nil, b, fmt.Errorf("%w: client id of %d bytes where %d are left", errHeaderShort, n, len(b))
	}
	return b[:n:n], b[n:], nil
}

// skipTags skips a tagged section, whose tags must ascend.
func skipTags(b []byte) ([]byte, error) {
	count, b, ok := uvarint(b)
	// Each field takes two bytes at least, so a larger count is a lie.
	if !ok || uint64(count) > uint64(len(b)/2) {
		return nil, errHeaderTags
	}
	last := int64(-1)
	for range count {
		var tag, size uint32
		if tag, b, ok = uvarint(b); !ok || int64(tag) <= last {
			return nil, errHeaderTags
		}
		last = int64(tag)
		if size, b, ok = uvarint(b); !ok || uint64(size) > uint64(len(b)) {
			return nil, errHeaderTags
		}
		b = b[size:]
	}
	return b, nil
}

// uvarint reads an unsigned LEB128 of at most 32 bits.
func uvarint(b []byte) (v uint32, rest []byte, ok bool) {
	x, n := binary.Uvarint(b)
	if n <= 0 || n > binary.MaxVarintLen32 || x > math.MaxUint32 {
		return 0, b, false
	}
	return uint32(x), b[n:], true
}

// validClientID gives a client id as a string, bytes that are not UTF-8 replaced.
func validClientID(raw []byte) string {
	if utf8.Valid(raw) {
		return string(raw)
	}
	return strings.ToValidUTF8(string(raw), string(utf8.RuneError))
}

// appendHead appends length field and response header for a body of n bytes.
func appendHead(dst []byte, a *answer, n int) []byte {
	tagged := a.flexible && a.key != keyAPIVersions
	n += 4
	if tagged {
		n++
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(n))
	dst = binary.BigEndian.AppendUint32(dst, uint32(a.correlationID))
	if tagged {
		dst = append(dst, 0)
	}
	return dst
}

// headMax is the most that appendHead appends.
const headMax = 9
