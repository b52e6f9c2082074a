package null

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// Offsets of fields in a record batch (format v2).
const (
	batchLength     = 8
	batchEpoch      = 12
	batchCRC        = 17
	batchChecked    = 21 // the CRC covers the rest
	batchLastDelta  = 23
	batchHeaderSize = 61
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// partition is one log: a file, and where each batch begins.
type partition struct {
	file *os.File
	fd   int

	mu    sync.Mutex
	next  int64 // offset of the next record
	size  int64
	index []entry
}

type entry struct{ offset, position int64 }

// intact reports whether b is one whole batch with a good CRC.
func intact(b []byte) bool {
	return len(b) >= batchHeaderSize &&
		int(binary.BigEndian.Uint32(b[batchLength:]))+batchEpoch == len(b) &&
		crc32.Checksum(b[batchChecked:], castagnoli) == binary.BigEndian.Uint32(b[batchCRC:])
}

// append stamps the batches and writes them; it uses up the slice that holds them.
// It returns the first one's offset.
func (p *partition) append(batches [][]byte) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	base, position := p.next, p.size
	for _, b := range batches {
		binary.BigEndian.PutUint64(b, uint64(p.next))
		binary.BigEndian.PutUint32(b[batchEpoch:], 0)
		p.index = append(p.index, entry{p.next, p.size})
		p.next += int64(binary.BigEndian.Uint32(b[batchLastDelta:])) + 1
		p.size += int64(len(b))
	}
	for rest := batches; len(rest) > 0; {
		n, err := unix.Pwritev(p.fd, rest, position)
		if err != nil {
			return 0, err
		}
		position += int64(n)
		for len(rest) > 0 && n >= len(rest[0]) {
			n -= len(rest[0])
			rest = rest[1:]
		}
		if n > 0 {
			rest[0] = rest[0][n:]
		}
	}
	return base, nil
}

// read returns where the whole batches from an offset on lie, at most limit bytes
// of them but at least one, and the end offset.
func (p *partition) read(offset int64, limit int) (position int64, n int, end int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if offset >= p.next {
		return 0, 0, p.next
	}
	i, found := slices.BinarySearchFunc(p.index, offset, func(e entry, o int64) int { return int(e.offset - o) })
	if !found {
		i--
	}
	position = p.index[i].position
	for i++; i < len(p.index); i++ {
		if int(p.index[i].position-position) > limit {
			break
		}
		n = int(p.index[i].position - position)
	}
	if all := int(p.size - position); i == len(p.index) && (all <= limit || n == 0) {
		n = all
	} else if n == 0 {
		n = int(p.index[i].position - position)
	}
	return position, n, p.next
}
