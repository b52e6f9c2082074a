package checkpoint

import (
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/leatmq/leat/log/vfs"
)

// topicIDChars is the length of a topic id in unpadded base64url.
const topicIDChars = 22

// ReadPartitionMeta reads the topic id from a partition.metadata file.
func ReadPartitionMeta(fsys vfs.FS, path string) ([16]byte, error) {
	data, err := vfs.ReadFile(fsys, path)
	if err != nil {
		return [16]byte{}, err
	}
	id, err := DecodePartitionMeta(data)
	return id, at(path, err)
}

// WritePartitionMeta replaces a partition.metadata file; on return it is durable.
func WritePartitionMeta(fsys vfs.FS, path string, topicID [16]byte) error {
	return vfs.WriteFileAtomic(fsys, path, EncodePartitionMeta(topicID))
}

// DecodePartitionMeta parses the content of partition.metadata. The all-zero id
// stands for "none" and is never written, so it is ErrCorrupt.
func DecodePartitionMeta(data []byte) (id [16]byte, err error) {
	version, rest := line(data)
	topicID, rest := line(rest)
	if strings.TrimSpace(version) != "version: 0" {
		return id, corrupt("first line %q, want version: 0", version)
	}
	text, ok := strings.CutPrefix(topicID, "topic_id: ")
	if text = strings.TrimSpace(text); !ok || len(text) != topicIDChars {
		return id, corrupt("second line %q, want topic_id: and %d characters", topicID, topicIDChars)
	}
	if len(strings.TrimSpace(string(rest))) > 0 {
		return id, corrupt("more than two lines")
	}
	if _, err := base64.RawURLEncoding.Decode(id[:], []byte(text)); err != nil {
		return [16]byte{}, corrupt("topic id %q: %v", text, err)
	}
	if id == [16]byte{} {
		return id, corrupt("topic id of zeros")
	}
	return id, nil
}

// EncodePartitionMeta gives the content of partition.metadata (43 bytes, no
// newline at the end).
func EncodePartitionMeta(topicID [16]byte) []byte {
	return fmt.Appendf(nil, "version: 0\ntopic_id: %s", base64.RawURLEncoding.EncodeToString(topicID[:]))
}
