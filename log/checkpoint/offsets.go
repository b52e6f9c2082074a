package checkpoint

import (
	"slices"
	"strconv"

	"github.com/leatmq/leat/log/vfs"
)

// ReadOffsets reads one of the *-offset-checkpoint files of a data directory.
func ReadOffsets(fsys vfs.FS, path string) (map[Partition]int64, error) {
	data, err := vfs.ReadFile(fsys, path)
	if err != nil {
		return nil, err
	}
	m, err := DecodeOffsets(data)
	return m, at(path, err)
}

// WriteOffsets replaces such a file; on return it is durable.
func WriteOffsets(fsys vfs.FS, path string, offsets map[Partition]int64) error {
	return vfs.WriteFileAtomic(fsys, path, EncodeOffsets(offsets))
}

// DecodeOffsets parses the content of an offset checkpoint.
func DecodeOffsets(data []byte) (map[Partition]int64, error) {
	m := make(map[Partition]int64)
	err := decodeTable(data, wordsPerOffsetEntry, func(w []string) error {
		index, err := strconv.ParseInt(w[1], 10, 32)
		if err != nil || index < 0 {
			return corrupt("partition %q of topic %q", w[1], w[0])
		}
		offset, err := strconv.ParseInt(w[2], 10, 64)
		if err != nil || offset < 0 {
			return corrupt("offset %q of %s-%d", w[2], w[0], index)
		}
		p := Partition{w[0], int32(index)}
		if _, twice := m[p]; twice {
			return corrupt("two entries for %v", p)
		}
		m[p] = offset
		return nil
	})
	if err != nil {
		return nil, err
	}
	return m, nil
}

// EncodeOffsets gives the content of an offset checkpoint, ordered by partition.
func EncodeOffsets(offsets map[Partition]int64) []byte {
	keys := make([]Partition, 0, len(offsets))
	for p := range offsets {
		keys = append(keys, p)
	}
	slices.SortFunc(keys, Partition.Compare)
	dst := appendTableHead(make([]byte, 0, 16+32*len(keys)), len(keys))
	for _, p := range keys {
		dst = append(dst, p.Topic...)
		dst = append(dst, ' ')
		dst = strconv.AppendInt(dst, int64(p.Index), 10)
		dst = append(dst, ' ')
		dst = strconv.AppendInt(dst, offsets[p], 10)
		dst = append(dst, '\n')
	}
	return dst
}
