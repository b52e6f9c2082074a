package checkpoint

import (
	"strconv"

	"github.com/leatmq/leat/log/epoch"
	"github.com/leatmq/leat/log/vfs"
)

// ReadEpochs reads a partition's leader-epoch-checkpoint. Whether the entries
// rise as they must is for epoch.New to say.
func ReadEpochs(fsys vfs.FS, path string) ([]epoch.Entry, error) {
	data, err := vfs.ReadFile(fsys, path)
	if err != nil {
		return nil, err
	}
	entries, err := DecodeEpochs(data)
	return entries, at(path, err)
}

// WriteEpochs replaces such a file; on return it is durable.
func WriteEpochs(fsys vfs.FS, path string, entries []epoch.Entry) error {
	return vfs.WriteFileAtomic(fsys, path, EncodeEpochs(entries))
}

// DecodeEpochs parses the content of a leader-epoch checkpoint.
func DecodeEpochs(data []byte) ([]epoch.Entry, error) {
	var entries []epoch.Entry
	err := decodeTable(data, wordsPerEpochEntry, func(w []string) error {
		e, err := strconv.ParseInt(w[0], 10, 32)
		if err != nil {
			return corrupt("epoch %q", w[0])
		}
		start, err := strconv.ParseInt(w[1], 10, 64)
		if err != nil {
			return corrupt("start offset %q of epoch %d", w[1], e)
		}
		entries = append(entries, epoch.Entry{Epoch: int32(e), Start: start})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return entries, nil
}

// EncodeEpochs gives the content of a leader-epoch checkpoint, in the order given.
func EncodeEpochs(entries []epoch.Entry) []byte {
	dst := appendTableHead(nil, len(entries))
	for _, e := range entries {
		dst = strconv.AppendInt(dst, int64(e.Epoch), 10)
		dst = append(dst, ' ')
		dst = strconv.AppendInt(dst, e.Start, 10)
		dst = append(dst, '\n')
	}
	return dst
}
