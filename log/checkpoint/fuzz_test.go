package checkpoint_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/leatmq/leat/log/checkpoint"
)

// FuzzDecode feeds all decoders: none may panic, every error is ErrCorrupt, and
// what one understands it writes so that it understands it again.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"", "0\n0\n", "0\n1\nt 0 5\n", "0\n2\n0 0\n5 9\n", "0\n1\nt 0 5", "9\n", "0\n99999999999999999999\n",
		"version: 0\ntopic_id: ltBn-rGZR7WWUwHzkPIhMA", `{"version":0,"brokerEpoch":-1}`,
		"#\n#Sat Nov 21 09:33:30 UTC 2026\nbroker.id=0\nversion=0\ncluster.id=Z73nE2WbQ9OlTT1zUFBU4Q\n", "a=\\u12", "a=${a}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		check := func(err error) bool {
			if err != nil && !errors.Is(err, checkpoint.ErrCorrupt) {
				t.Fatalf("error of another kind: %v", err)
			}
			return err == nil
		}
		if m, err := checkpoint.DecodeOffsets(data); check(err) {
			again, err := checkpoint.DecodeOffsets(checkpoint.EncodeOffsets(m))
			if err != nil || !maps.Equal(m, again) {
				t.Fatalf("offsets %v became %v, %v", m, again, err)
			}
		}
		if e, err := checkpoint.DecodeEpochs(data); check(err) {
			again, err := checkpoint.DecodeEpochs(checkpoint.EncodeEpochs(e))
			if err != nil || !slices.Equal(e, again) {
				t.Fatalf("epochs %v became %v, %v", e, again, err)
			}
		}
		if id, err := checkpoint.DecodePartitionMeta(data); check(err) {
			again, err := checkpoint.DecodePartitionMeta(checkpoint.EncodePartitionMeta(id))
			if err != nil || id != again {
				t.Fatalf("topic id %x became %x, %v", id, again, err)
			}
		}
		if m, err := checkpoint.DecodeMeta(data); check(err) {
			again, err := checkpoint.DecodeMeta(checkpoint.EncodeMeta(m, time.Unix(0, 0)))
			if err != nil || !maps.Equal(m.Other, again.Other) || m.ClusterID != again.ClusterID {
				t.Fatalf("meta %+v became %+v, %v", m, again, err)
			}
		}
		_, err := checkpoint.DecodeClean(data)
		check(err)
	})
}
