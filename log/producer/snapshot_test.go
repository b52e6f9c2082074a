package producer_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/producer"
)

const golden = "../testdata/golden"

// goldenSnapshots returns the content of every snapshot that Kafka wrote.
func goldenSnapshots(t testing.TB) map[string][]byte {
	all := map[string][]byte{}
	require.NoError(t, filepath.WalkDir(golden, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".snapshot") {
			return err
		}
		all[path], err = os.ReadFile(path)
		return err
	}))
	require.NotEmpty(t, all)
	return all
}

func TestGoldenSnapshots(t *testing.T) {
	producers := 0
	for path, data := range goldenSnapshots(t) {
		states, err := producer.DecodeSnapshot(data)
		require.NoError(t, err, path)
		require.Equal(t, data, producer.EncodeSnapshot(states), path)
		table := producer.New()
		table.Load(states)
		require.Equal(t, data, producer.EncodeSnapshot(table.States()), "%s, through a table", path)
		producers += len(states)
	}
	require.Greater(t, producers, 40)
}

func TestGoldenSnapshotValues(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(golden, "main/txn-0/00000000000000000064.snapshot"))
	require.NoError(t, err)
	states, err := producer.DecodeSnapshot(data)
	require.NoError(t, err)
	require.Len(t, states, 3)
	require.Equal(t, producer.State{
		ProducerID: 2, Epoch: 1, LastSequence: 1, LastOffset: 0x38, OffsetDelta: 1,
		LastTimestamp: 0x01a1fd74436b, CoordinatorEpoch: 0, TxnFirstOffset: -1,
	}, states[0])

	open, err := os.ReadFile(filepath.Join(golden, "unclean-recovered/u-txn-0/00000000000000000023.snapshot"))
	require.NoError(t, err)
	states, err = producer.DecodeSnapshot(open)
	require.NoError(t, err)
	require.Equal(t, int64(0x12), states[0].TxnFirstOffset)
}

func TestDecodeSnapshotRefuses(t *testing.T) {
	good := producer.EncodeSnapshot([]producer.State{{ProducerID: 1}, {ProducerID: 2}})
	damage := func(change func(b []byte) []byte) []byte { return change(slices.Clone(good)) }
	reseal := func(b []byte) []byte {
		binary.BigEndian.PutUint32(b[2:], crc32.Checksum(b[6:], crc32.MakeTable(crc32.Castagnoli)))
		return b
	}
	for name, b := range map[string][]byte{
		"empty":      {},
		"short head": good[:9],
		"version":    damage(func(b []byte) []byte { b[1] = 2; return b }),
		"CRC":        damage(func(b []byte) []byte { b[20] ^= 1; return b }),
		"cut":        damage(func(b []byte) []byte { return reseal(b[:len(b)-1]) }),
		"longer":     damage(func(b []byte) []byte { return reseal(append(b, 0)) }),
		"count high": damage(func(b []byte) []byte { b[6] = 0x7f; return reseal(b) }),
		"count < 0":  damage(func(b []byte) []byte { b[6] = 0xff; return reseal(b) }),
	} {
		_, err := producer.DecodeSnapshot(b)
		require.ErrorIs(t, err, producer.ErrCorruptSnapshot, name)
	}
}

// FuzzDecodeSnapshot: nothing panics, and what is understood encodes to the same
// bytes. The CRC is set right, so that the rest is reached.
func FuzzDecodeSnapshot(f *testing.F) {
	for _, data := range goldenSnapshots(f) {
		f.Add(data, true)
	}
	f.Add([]byte{0, 1, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff}, true)
	f.Fuzz(func(t *testing.T, data []byte, seal bool) {
		if seal && len(data) >= 6 {
			binary.BigEndian.PutUint32(data[2:], crc32.Checksum(data[6:], crc32.MakeTable(crc32.Castagnoli)))
		}
		states, err := producer.DecodeSnapshot(data)
		if err != nil {
			if !errors.Is(err, producer.ErrCorruptSnapshot) {
				t.Fatal(err)
			}
			return
		}
		if !slices.Equal(data, producer.EncodeSnapshot(states)) {
			t.Fatalf("%x decodes to %v and back to something else", data, states)
		}
		producer.New().Load(states)
	})
}
