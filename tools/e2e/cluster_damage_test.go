package e2e

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// damaged has the disk of a leader change what it holds: another one leads, every
// record is read, and the old leader is in sync again with records that are well.
func damaged(t *testing.T, c *cluster, admin *kadm.Client) {
	c.topic(admin, "damaged", 1)
	producer := c.client(kgo.DefaultProduceTopic("damaged"))
	for i := range 20 {
		require.NoError(t, producer.ProduceSync(t.Context(), kgo.StringRecord(fmt.Sprint(i))).FirstErr())
	}
	c.whole(admin, "damaged")
	was := c.partitions(admin, "damaged")[0].Leader
	path := filepath.Join(c.dirs[was], "damaged-0", fmt.Sprintf("%020d.log", 0))
	sound := spoil(t, path)
	readAll := func() {
		consumer := c.client(kgo.ConsumeTopics("damaged"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		defer consumer.Close()
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		for got := 0; got < 20; {
			consumer.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
				require.Equal(t, fmt.Sprint(got), string(r.Value))
				got++
			})
			require.NoError(t, ctx.Err())
		}
	}
	readAll()
	c.eventually(admin, "damaged", "led by another", func(p kadm.PartitionDetail) bool { return p.Leader >= 0 && p.Leader != was })
	c.whole(admin, "damaged")
	now, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, sound[8+4:], now[8+4:len(sound)], "the same records are there again")
	readAll()
}

// spoil changes the header of a batch in the middle of a segment, and returns
// what the segment held before.
func spoil(t *testing.T, path string) (before []byte) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	before, err = os.ReadFile(path)
	require.NoError(t, err)
	at := 0
	for range 10 {
		at += 12 + int(binary.BigEndian.Uint32(before[at+8:]))
	}
	_, err = f.WriteAt(make([]byte, 24), int64(at))
	require.NoError(t, err)
	return before
}
