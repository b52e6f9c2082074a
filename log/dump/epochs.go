package dump

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/index"
	"github.com/leatmq/leat/log/segment"
	"github.com/leatmq/leat/log/vfs"
)

// Known tells whether File prints files of this name.
func Known(name string) bool {
	if name == checkpoint.LeaderEpochFile {
		return true
	}
	ext := filepath.Ext(name)
	switch ext {
	case segment.LogSuffix, index.OffsetSuffix, index.TimeSuffix, index.TxnSuffix, SnapshotSuffix:
	default:
		return false
	}
	_, err := strconv.ParseInt(strings.TrimSuffix(name, ext), 10, 64)
	return err == nil
}

// epochs prints the leader epochs, of which Kafka's tool knows nothing.
func (d *dumper) epochs() error {
	data, err := vfs.ReadFile(d.o.FS, d.path)
	if err != nil {
		return err
	}
	entries, err := checkpoint.DecodeEpochs(data)
	if err != nil {
		return fmt.Errorf("%s: %w", d.path, err)
	}
	for _, e := range entries {
		d.printf("epoch: %d startOffset: %d\n", e.Epoch, e.Start)
	}
	return nil
}
