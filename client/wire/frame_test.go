package wire

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzFrame reads arbitrary bytes as an answer, arriving in pieces.
func FuzzFrame(f *testing.F) {
	f.Add([]byte{0, 0, 0, 5, 0, 0, 0, 1, 0}, 3, true)
	f.Add([]byte{0, 0, 0, 9, 0, 0, 0, 1, 1, 0, 2, 9, 9}, 1, true)
	f.Add([]byte{0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0}, 3, true)
	f.Add([]byte{0, 0, 0, 4, 0, 0, 0, 1, 0}, 100, false)
	f.Fuzz(func(t *testing.T, in []byte, piece int, flexible bool) {
		const most = 1 << 20
		frame, err := readFrame(&pieces{rest: in, size: max(1, piece%1000)}, nil, most)
		require.LessOrEqual(t, cap(frame), max(firstRead, 4*len(in)))
		if err != nil {
			return
		}
		require.True(t, bytes.Equal(in[:len(frame)], frame))
		require.EqualValues(t, len(frame)-4, binary.BigEndian.Uint32(frame))
		body, err := bodyOf(frame[4:], int32(binary.BigEndian.Uint32(frame[4:])), flexible)
		if err == nil {
			require.True(t, bytes.HasSuffix(frame, body))
		}
	})
}

// pieces gives no more than size bytes at a time.
type pieces struct {
	rest []byte
	size int
}

func (p *pieces) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:min(p.size, len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}
