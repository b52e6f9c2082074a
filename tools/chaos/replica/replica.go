// Package replica reads what a stopped broker has left of each partition, for
// comparison with what the others have.
package replica

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/verify"
	"github.com/leatmq/leat/log/vfs"
	"github.com/leatmq/leat/tools/chaos/check"
)

// Read reads all partitions of a data directory whose names admit tells. clean
// says that the broker was stopped in good order.
func Read(node, dir string, clean bool, admit func(partition string) bool) ([]check.Replica, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("replica: %w", err)
	}
	marks, err := checkpoint.ReadOffsets(vfs.OS, filepath.Join(dir, checkpoint.HighWatermarkFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("replica: %w", err)
	}
	var out []check.Replica
	for _, e := range entries {
		p, ok := verify.ParseName(e.Name())
		if !e.IsDir() || !ok || !admit(e.Name()) {
			continue
		}
		r := check.Replica{Node: node, Partition: e.Name(), HighWatermark: -1}
		if hw, ok := marks[p]; ok {
			r.HighWatermark = hw
		}
		path := filepath.Join(dir, e.Name())
		if err := batches(path, &r); err != nil {
			return nil, err
		}
		report, err := verify.Partition(path, verify.Options{Clean: clean})
		if err != nil {
			return nil, fmt.Errorf("replica: %w", err)
		}
		for _, problem := range report.Problems {
			if !problem.Expected {
				r.Problems = append(r.Problems, problem.String())
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// batches reads the segments of a partition in order. What is damaged ends a
// segment; verify says more about it.
func batches(path string, r *check.Replica) error {
	names, err := filepath.Glob(filepath.Join(path, "*.log"))
	if err != nil {
		return fmt.Errorf("replica: %w", err)
	}
	slices.Sort(names)
	for i, name := range names {
		base, err := strconv.ParseInt(strings.TrimSuffix(filepath.Base(name), ".log"), 10, 64)
		if err != nil {
			return fmt.Errorf("replica: %w", err)
		}
		if r.End = max(r.End, base); i == 0 {
			r.Start = base
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return fmt.Errorf("replica: %w", err)
		}
		for len(data) > 0 {
			b, rest, err := record.Next(data)
			if err != nil {
				break
			}
			sum := fnv.New64a()
			if _, err := sum.Write(b); err != nil {
				return fmt.Errorf("replica: %w", err)
			}
			r.Batches = append(r.Batches, check.Batch{Base: b.BaseOffset(), Last: b.LastOffset(), Epoch: b.LeaderEpoch(), Sum: sum.Sum64(),
				Producer: b.ProducerID(), ProducerEpoch: b.ProducerEpoch()})
			r.End = b.NextOffset()
			data = rest
		}
	}
	return nil
}
