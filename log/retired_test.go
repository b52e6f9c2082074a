package log_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
)

// A lookup that finds that a segment has just been removed looks again; it does not
// take the disk for broken.
func TestLookupsGoOnWhileRetentionRemovesSegments(t *testing.T) {
	c := testConfig()
	c.SegmentBytes, c.RetentionMs, c.FileDeleteDelayMs = 300, -1, 0
	o := fresh(c)
	o.Files = log.NewFileCache(2)
	o.OnIOError = func(err error) { t.Errorf("the disk is said to have failed: %v", err) }
	l := openLog(t, t.TempDir(), o)
	appendN(t, l, 50)
	var looking sync.WaitGroup
	over := make(chan struct{})
	look := func(do func() error) {
		looking.Go(func() {
			for {
				select {
				case <-over:
					return
				default:
				}
				if err := do(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	look(func() error {
		_, _, err := l.OffsetForTimestamp(testNow.Add(time.Duration(l.EndOffset())*time.Second).UnixMilli(), 1<<40)
		return err
	})
	look(func() error { _, _, err := l.OffsetOfMaxTimestamp(1 << 40); return err })
	look(func() error {
		sl, err := l.Read(log.ReadRequest{Offset: l.StartOffset(), UpTo: 1 << 40, MaxBytes: 1 << 10})
		sl.Release()
		if errors.Is(err, log.ErrOffsetOutOfRange) {
			return nil // retention was faster
		}
		return err
	})
	for range 200 {
		appendN(t, l, 6)
		require.NoError(t, l.SetStartOffset(l.EndOffset()-4))
		_, err := l.ApplyRetention(testNow, l.EndOffset())
		require.NoError(t, err)
		require.NoError(t, l.RemoveExpiredFiles(testNow.Add(time.Hour)))
		if t.Failed() {
			break
		}
	}
	close(over)
	looking.Wait()
}
