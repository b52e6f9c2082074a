// Package checkpoint reads and writes the small files of a data directory,
// byte for byte as Kafka 3.9 does, always replacing them atomically.
//
//	recovery-point-offset-checkpoint   0                     version
//	log-start-offset-checkpoint        2                     number of entries
//	replication-offset-checkpoint      orders 0 1204         topic partition offset
//	cleaner-offset-checkpoint          orders 1 88
//
//	leader-epoch-checkpoint            0
//	                                   1
//	                                   5 25                  epoch, first offset
//
//	meta.properties                    Java properties: version, broker.id, cluster.id
//	partition.metadata                 version: 0
//	                                   topic_id: ltBn-rGZR7WWUwHzkPIhMA
//	.kafka_cleanshutdown               {"version":0,"brokerEpoch":-1}
//
// A file that cannot be understood is ErrCorrupt and never half used: the reader
// decides what to do without it (recover the whole log, rebuild the epochs,
// refuse to start), but must not guess its content. A missing file is
// fs.ErrNotExist. Other errors are the disk's.
package checkpoint

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Names of the files in a data directory and in a partition's directory.
const (
	RecoveryPointFile   = "recovery-point-offset-checkpoint"
	LogStartFile        = "log-start-offset-checkpoint"
	HighWatermarkFile   = "replication-offset-checkpoint"
	CleanerFile         = "cleaner-offset-checkpoint"
	MetaFile            = "meta.properties"
	CleanShutdownFile   = ".kafka_cleanshutdown"
	LockFile            = ".lock"
	LeaderEpochFile     = "leader-epoch-checkpoint"
	PartitionMetaFile   = "partition.metadata"
	currentVersion      = 0
	wordsPerOffsetEntry = 3
	wordsPerEpochEntry  = 2
)

// ErrCorrupt is the kind of every error about a file's content: another
// version, a wrong number of entries, a line that does not parse.
var ErrCorrupt = errors.New("corrupt checkpoint")

// Partition names one partition of a topic on this broker.
type Partition struct {
	Topic string
	Index int32
}

// String is "topic-index", the name of the partition's directory.
func (p Partition) String() string {
	return p.Topic + "-" + strconv.Itoa(int(p.Index))
}

// Compare orders by topic, then by index.
func (p Partition) Compare(q Partition) int {
	if c := strings.Compare(p.Topic, q.Topic); c != 0 {
		return c
	}
	return int(p.Index) - int(q.Index)
}

// at puts a file's name in front of what is wrong with it.
func at(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path, err)
}

// corrupt makes an ErrCorrupt with its reason.
func corrupt(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
}
