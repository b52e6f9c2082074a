package checkpoint

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leatmq/leat/log/vfs"
)

// Meta is the content of meta.properties: whose data directory this is.
type Meta struct {
	// Version is 0 in ZooKeeper mode, 1 in KRaft mode.
	Version int
	// BrokerID is broker.id (version 0) or node.id (version 1); -1 if not given.
	BrokerID int32
	// ClusterID is cluster.id; empty if not given.
	ClusterID string
	// Other holds every other key, directory.id among them, to be kept.
	Other map[string]string
}

const (
	keyVersion   = "version"
	keyBrokerID  = "broker.id"
	keyNodeID    = "node.id"
	keyClusterID = "cluster.id"
	// javaDate is how java.util.Properties dates the files it stores.
	javaDate = "Mon Jan 02 15:04:05 MST 2006"
)

// ReadMeta reads a meta.properties file.
func ReadMeta(fsys vfs.FS, path string) (Meta, error) {
	data, err := vfs.ReadFile(fsys, path)
	if err != nil {
		return Meta{}, err
	}
	m, err := DecodeMeta(data)
	return m, at(path, err)
}

// WriteMeta replaces a meta.properties file; on return it is durable. The time
// goes into a comment.
func WriteMeta(fsys vfs.FS, path string, m Meta, now time.Time) error {
	return vfs.WriteFileAtomic(fsys, path, EncodeMeta(m, now))
}

// DecodeMeta parses meta.properties. A missing version means 0; no other key
// is required.
func DecodeMeta(data []byte) (Meta, error) {
	all, err := parseProperties(data)
	if err != nil {
		return Meta{}, err
	}
	m := Meta{BrokerID: -1, Other: all}
	if m.Version, err = m.takeInt(keyVersion, 0); err != nil {
		return Meta{}, err
	}
	idKey := keyBrokerID
	if m.Version > 0 {
		idKey = keyNodeID
	}
	id, err := m.takeInt(idKey, -1)
	if err != nil {
		return Meta{}, err
	}
	m.BrokerID = int32(id)
	m.ClusterID = m.Other[keyClusterID]
	delete(m.Other, keyClusterID)
	return m, nil
}

// takeInt removes a number from Other.
func (m *Meta) takeInt(key string, missing int) (int, error) {
	text, ok := m.Other[key]
	if !ok {
		return missing, nil
	}
	delete(m.Other, key)
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32)
	if err != nil || n < 0 {
		return 0, corrupt("%s is %q", key, text)
	}
	return int(n), nil
}

// EncodeMeta gives the content of meta.properties: two comment lines, then the
// keys in order.
func EncodeMeta(m Meta, now time.Time) []byte {
	all := make(map[string]string, len(m.Other)+3)
	maps.Copy(all, m.Other)
	all[keyVersion] = strconv.Itoa(m.Version)
	if m.BrokerID >= 0 && m.Version == 0 {
		all[keyBrokerID] = strconv.Itoa(int(m.BrokerID))
	} else if m.BrokerID >= 0 {
		all[keyNodeID] = strconv.Itoa(int(m.BrokerID))
	}
	if m.ClusterID != "" {
		all[keyClusterID] = m.ClusterID
	}
	dst := append([]byte("#\n#"), now.Format(javaDate)...)
	dst = append(dst, '\n')
	for _, key := range slices.Sorted(maps.Keys(all)) {
		dst = appendEscaped(dst, key)
		dst = append(dst, '=')
		dst = appendEscaped(dst, all[key])
		dst = append(dst, '\n')
	}
	return dst
}
