package log_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/record"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testConfig is Kafka's.
func testConfig() log.Config {
	c := log.DefaultConfig()
	c.MaxInflatedBytes = 1 << 20
	return c
}

// testNow is when tests happen, unless they say otherwise.
var testNow = time.UnixMilli(1_700_000_000_000)

// open opens a log for a test.
func open(dir string, o log.Options) (*log.Log, error) {
	if o.Now == nil {
		o.Now = func() time.Time { return testNow }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return log.Open(dir, o)
}

// openLog opens a log that is closed when the test ends.
func openLog(t testing.TB, dir string, o log.Options) *log.Log {
	t.Helper()
	l, err := open(dir, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// fresh are the options of a log that never was.
func fresh(c log.Config) log.Options {
	return log.Options{Config: c, Clean: true, RecoveryPoint: -1, StartOffset: -1}
}

// produce is how clients append nowadays.
var produce = log.AppendOptions{LeaderEpoch: 3, ProduceVersion: 9}

// values makes a batch of records without key, a second apart from testNow on.
func values(t testing.TB, values ...string) []byte {
	t.Helper()
	return batch(t, record.Spec{}, testNow, values...)
}

func batch(t testing.TB, s record.Spec, from time.Time, values ...string) []byte {
	t.Helper()
	var b record.Builder
	b.Reset(s)
	for i, v := range values {
		b.Append(&record.Record{Timestamp: from.UnixMilli() + int64(i)*1000, Value: []byte(v)})
	}
	set, err := b.Finish(nil)
	require.NoError(t, err)
	return set
}

// idempotent makes a batch of one record by a producer of epoch 0.
func idempotent(t testing.TB, id int64, sequence int32, value string) []byte {
	t.Helper()
	return batch(t, record.Spec{Producer: &record.Producer{ID: id, BaseSequence: sequence}}, testNow, value)
}

// transactional makes a batch of one record in a transaction.
func transactional(t testing.TB, id int64, sequence int32, value string) []byte {
	t.Helper()
	return batch(t, record.Spec{
		Attributes: record.Transactional, Producer: &record.Producer{ID: id, BaseSequence: sequence},
	}, testNow, value)
}

// endTxn makes the marker that ends a transaction.
func endTxn(t testing.TB, id int64, commit bool) []byte {
	t.Helper()
	set, err := record.AppendMarker(nil, record.Marker{Commit: commit, ProducerID: id, Timestamp: testNow.UnixMilli()})
	require.NoError(t, err)
	return set
}

// appendN appends batches of one record each: "value-<offset>", a second apart.
func appendN(t testing.TB, l *log.Log, n int) {
	t.Helper()
	for range n {
		at := l.EndOffset()
		set := batch(t, record.Spec{}, testNow.Add(time.Duration(at)*time.Second), fmt.Sprintf("value-%d", at))
		done, err := l.Append(set, produce)
		require.NoError(t, err)
		require.Equal(t, at, done.BaseOffset)
	}
}

// requireN checks that a log holds what appendN appended, from its start to its end.
func requireN(t *testing.T, l *log.Log, start, end int64) {
	t.Helper()
	require.Equal(t, start, l.StartOffset())
	require.Equal(t, end, l.EndOffset())
	got := readAll(t, l, 1<<20)
	require.Len(t, got, int(end-start))
	for i, r := range got {
		offset := start + int64(i)
		require.Equal(t, offset, r.Offset)
		require.Equal(t, fmt.Sprintf("value-%d", offset), r.Value)
		require.Equal(t, testNow.UnixMilli()+offset*1000, r.Timestamp)
	}
}
