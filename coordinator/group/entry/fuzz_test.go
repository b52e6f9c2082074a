package entry

import (
	"bytes"
	"testing"
)

func seed(f *testing.F) {
	keys, values := goldenRecords(f)
	for i := range keys {
		f.Add(keys[i], values[i])
	}
}

// What is read without error is written and read again to the same thing.
func FuzzRecord(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if k, err := ReadKey(key); err == nil && k.Kind == Offset {
			again := AppendOffsetKey(nil, string(k.Group), string(k.Topic), k.Partition)
			if !bytes.HasPrefix(key, again) {
				t.Fatalf("key %x was written as %x", key, again)
			}
		}
		if v, err := ReadOffset(value); err == nil && len(v.Metadata) < 1<<15 {
			again, err := ReadOffset(AppendOffset(nil, v))
			if v.ExpireMs < 0 {
				v.ExpireMs = -1
			} else {
				v.LeaderEpoch = -1
			}
			if err != nil || again != v {
				t.Fatalf("%+v was read again as %+v, %v", v, again, err)
			}
		}
		if v, err := ReadGroup(value); err == nil && len(value) < 1<<15 {
			first := AppendGroup(nil, v)
			again, err := ReadGroup(first)
			if err != nil || !bytes.Equal(first, AppendGroup(nil, again)) {
				t.Fatalf("%+v was read again as %+v, %v", v, again, err)
			}
		}
	})
}
