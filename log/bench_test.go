package log_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/record"
)

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 64 << 10, 1 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			c := testConfig()
			c.MaxMessageBytes, c.SegmentBytes = 2<<20, 256<<20
			c.RetentionBytes, c.FileDeleteDelayMs = 256<<20, 0
			l := openLog(b, b.TempDir(), fresh(c))
			set := batch(b, record.Spec{}, testNow, split(size-200, max(size>>10, 1))...)
			b.SetBytes(int64(len(set)))
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				record.Batch(set).SetBaseOffset(0)
				if _, err := l.Append(set, produce); err != nil {
					b.Fatal(err)
				}
				if i%4096 == 4095 {
					trim(b, l)
				}
			}
		})
	}
}

// trim keeps the disk from filling up.
func trim(b *testing.B, l *log.Log) {
	b.StopTimer()
	_, err := l.ApplyRetention(testNow, l.EndOffset())
	require.NoError(b, err)
	require.NoError(b, l.RemoveExpiredFiles(testNow))
	b.StartTimer()
}

// readable is a log of 64 MiB in batches of 16 KiB.
func readable(b *testing.B) *log.Log {
	l := openLog(b, b.TempDir(), fresh(testConfig()))
	set := batch(b, record.Spec{}, testNow, split(16<<10, 16)...)
	for range 4096 {
		record.Batch(set).SetBaseOffset(0)
		_, err := l.Append(set, produce)
		require.NoError(b, err)
	}
	return l
}

func BenchmarkRead(b *testing.B) {
	l := readable(b)
	end := l.EndOffset()
	for name, step := range map[string]int64{"sequential": 16 * 63, "random": 16*1000 + 7} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			next := int64(0)
			for range b.N {
				sl, err := l.Read(log.ReadRequest{Offset: next, UpTo: end, MaxBytes: 1 << 20, MinOne: true})
				if err != nil {
					b.Fatal(err)
				}
				sl.Release()
				next = (next + step) % end
			}
		})
	}
	b.Run("end", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			sl, err := l.Read(log.ReadRequest{Offset: end, UpTo: end, MaxBytes: 1 << 20})
			if err != nil {
				b.Fatal(err)
			}
			sl.Release()
		}
	})
}

func BenchmarkRecover(b *testing.B) {
	l := readable(b)
	b.SetBytes(l.Size())
	dir := l.Dir()
	require.NoError(b, l.Close())
	for range b.N {
		l, err := open(dir, log.Options{Config: testConfig(), RecoveryPoint: 0, StartOffset: -1})
		require.NoError(b, err)
		b.StopTimer()
		require.NoError(b, l.Close())
		b.StartTimer()
	}
}

func BenchmarkOffsetForTimestamp(b *testing.B) {
	l := readable(b)
	b.ReportAllocs()
	for i := range b.N {
		ts := testNow.UnixMilli() + int64(i%16)*1000
		if _, _, err := l.OffsetForTimestamp(ts, l.EndOffset()); err != nil {
			b.Fatal(err)
		}
	}
}
