package server

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func frameOf(n int, fill byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(n)), bytes.Repeat([]byte{fill}, n)...)
}

// feed gives the input what it has room for, at most piece bytes at a time, and
// returns copies of the frames that come out.
func feed(t require.TestingT, in *input, b *budget, stream []byte, piece int) (frames [][]byte) {
	for len(stream) > 0 {
		require.True(t, in.prepare(b, nil))
		if in.buf == nil {
			in.take(b)
		}
		room := in.room()
		require.NotEmpty(t, room)
		n := copy(room, stream[:min(piece, len(stream))])
		in.filled(n, len(room))
		stream = stream[n:]
		for {
			f, err := in.frame(1 << 30)
			require.NoError(t, err)
			if f == nil {
				break
			}
			frames = append(frames, bytes.Clone(f))
		}
	}
	return frames
}

// However the stream is cut into pieces, the same frames come out.
func TestInputFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.OneOf(
			rapid.IntRange(0, 200), rapid.IntRange(0, 20_000), rapid.IntRange(60_000, 600_000)), 1, 12).Draw(t, "sizes")
		var stream []byte
		for i, n := range sizes {
			stream = append(stream, frameOf(n, byte(i))...)
		}
		b := &budget{limit: 64 << 20}
		in := &input{}
		frames := feed(t, in, b, stream, rapid.OneOf(rapid.Just(1<<20), rapid.IntRange(1_000, 70_000)).Draw(t, "piece"))
		require.Len(t, frames, len(sizes))
		for i, f := range frames {
			require.Equal(t, bytes.Repeat([]byte{byte(i)}, sizes[i]), f)
		}
		in.drop(b)
		require.Zero(t, b.used.Load())
		require.Zero(t, *in.bufState())
	})
}

// bufState is what an input without a buffer must have zero.
func (in *input) bufState() *input {
	return &input{buf: in.buf, start: in.start, end: in.end, claimed: in.claimed, overdraws: in.overdraws}
}

// A claimed length costs nothing; what has come costs at most fourfold.
func TestInputGrowsWithWhatHasCome(t *testing.T) {
	b := &budget{limit: 1 << 30}
	in := &input{}
	stream := frameOf(90<<20, 1)
	came := 0
	for _, n := range []int{4, 1, 3000, 1096, 10_000, 100_000, 1 << 20, 10 << 20} {
		feed(t, in, b, stream[came:came+n], 1<<20)
		came += n
		require.True(t, in.prepare(b, nil))
		require.LessOrEqual(t, len(in.buf.b), max(classSmall, 6*came), "after %d bytes", came)
		require.EqualValues(t, came, in.end-in.start)
	}
	in.drop(b)
}

// A connection's large requests are soon read whole: one read, no copy.
func TestInputReadsLargeFramesWhole(t *testing.T) {
	for _, n := range []int{65_700, 1<<20 + 90} {
		b := &budget{limit: 1 << 30}
		in := &input{}
		stream := bytes.Repeat(frameOf(n, 3), 20)
		feed(t, in, b, stream[:4*(n+4)], 1<<30)
		require.False(t, in.partial())
		stream = stream[4*(n+4):]
		for reads := 0; len(stream) > 0; reads++ {
			require.True(t, in.prepare(b, nil))
			if in.buf == nil {
				in.take(b)
			}
			room := in.room()
			in.filled(copy(room, stream), len(room))
			stream = stream[min(len(room), len(stream)):]
			before := in.buf
			for {
				f, err := in.frame(1 << 30)
				require.NoError(t, err)
				if f == nil {
					break
				}
			}
			require.Same(t, before, in.buf)
			require.LessOrEqual(t, in.end-in.start, max(tail, n), "what must be moved")
		}
		in.drop(b)
	}
}

func TestInputRefusesLengths(t *testing.T) {
	for _, length := range []uint32{0xffffffff, 0x80000000, 100<<20 + 1, 0x7fffffff, 0x47455420 /* GET */, 0x16030100 /* TLS */} {
		b := &budget{limit: 1 << 30}
		in := &input{}
		require.True(t, in.prepare(b, nil))
		in.take(b)
		in.filled(copy(in.room(), binary.BigEndian.AppendUint32(nil, length)), classSmall)
		_, err := in.frame(100 << 20)
		require.Error(t, err)
	}
}

func TestClasses(t *testing.T) {
	last := -1
	for n := 1; n < classLast*2; n += 1 + n/50 {
		class, size := classOf(n)
		require.GreaterOrEqual(t, size, n)
		if class < 0 {
			require.Greater(t, n, classLast)
			continue
		}
		require.Less(t, class, classes)
		require.GreaterOrEqual(t, class, last)
		require.Len(t, takeBuffer(n).b, size)
		last = class
	}
	require.Equal(t, classes-1, last)
}

func TestPaceFollowsTraffic(t *testing.T) {
	var p pace
	require.Equal(t, chunkMin, p.size())
	for range 5 {
		p.read(p.size(), p.size())
	}
	require.Equal(t, chunkMax, p.size(), "a busy connection")
	for range 200 {
		p.read(100, p.size())
		p.framed(100)
	}
	require.Equal(t, chunkMin, p.size(), "a quiet one")
	p.framed(1 << 30)
	require.Equal(t, largeMax, p.size(), "never more in advance")
}

// Whatever comes, in whatever pieces: frames within bounds, memory by what has come.
func FuzzInput(f *testing.F) {
	f.Add(append(frameOf(10, 1), frameOf(0, 0)...), 3)
	f.Add([]byte{6, 0x40, 0, 0, 1, 2, 3}, 4096)
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), 1)
	f.Fuzz(func(t *testing.T, stream []byte, piece int) {
		piece = 1 + max(piece, -piece-1)%5000
		const longest = 100 << 20
		b := &budget{limit: 1 << 30}
		in := &input{}
		defer in.drop(b)
		taken := 0
		for came := 0; came < len(stream); {
			require.True(t, in.prepare(b, nil))
			if in.buf == nil {
				in.take(b)
			}
			room := in.room()
			require.NotEmpty(t, room)
			n := copy(room, stream[came:min(came+piece, len(stream))])
			in.filled(n, len(room))
			came += n
			require.LessOrEqual(t, len(in.buf.b), max(classSmall, chunkMax+classRoom, 6*came))
			for {
				frame, err := in.frame(longest)
				if err != nil {
					return
				}
				if frame == nil {
					break
				}
				require.Equal(t, stream[taken+lengthField:taken+lengthField+len(frame)], frame)
				taken += lengthField + len(frame)
			}
		}
	})
}
