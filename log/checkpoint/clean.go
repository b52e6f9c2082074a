package checkpoint

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/leatmq/leat/log/vfs"
)

// NoBrokerEpoch is written to the clean-shutdown mark in ZooKeeper mode.
const NoBrokerEpoch int64 = -1

// WriteClean writes the clean-shutdown mark: everything in the directory was
// flushed and no recovery is needed. Its presence alone says so.
func WriteClean(fsys vfs.FS, path string, brokerEpoch int64) error {
	return vfs.WriteFileAtomic(fsys, path, EncodeClean(brokerEpoch))
}

// EncodeClean gives the content of a clean-shutdown mark.
func EncodeClean(brokerEpoch int64) []byte {
	return fmt.Appendf(nil, `{"version":0,"brokerEpoch":%d}`, brokerEpoch)
}

// DecodeClean returns the broker epoch in a clean-shutdown mark; older releases
// leave the file empty, which is NoBrokerEpoch.
func DecodeClean(data []byte) (brokerEpoch int64, err error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return NoBrokerEpoch, nil
	}
	var mark struct {
		Version     int
		BrokerEpoch *int64
	}
	if err := json.Unmarshal(data, &mark); err != nil {
		return 0, corrupt("%v", err)
	}
	if mark.Version != currentVersion || mark.BrokerEpoch == nil {
		return 0, corrupt("clean-shutdown mark %q", data)
	}
	return *mark.BrokerEpoch, nil
}
