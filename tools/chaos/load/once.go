package load

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/tools/chaos/check"
	"github.com/leatmq/leat/tools/chaos/history"
)

// once is one life of a producer that makes its requests itself, one for each
// record and never a second: a refusal then says that the record is not there.
// Clients that send again cannot know that.
func (l *Load) once(ctx context.Context) error {
	cl, err := l.client(kgo.MaxVersions(kversion.V3_7_0())) // requests that name topics
	if err != nil {
		return err
	}
	defer cl.Close()
	o := &onceSender{l: l, view: newView(l, cl), process: l.begin(history.Client{Library: "franz-go", Acks: "all", Text: "tries once"})}
	busy := make([]atomic.Bool, len(l.o.Keys))
	var all sync.WaitGroup
	defer all.Wait()
	tick := time.NewTicker(8 * time.Second * time.Duration(len(l.o.Keys)) / time.Duration(l.o.Rate))
	defer tick.Stop()
	learned := time.Time{}
	for n := int64(1); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if time.Since(learned) > time.Second {
			learned = time.Now()
			learn, cancel := context.WithTimeout(ctx, 2*time.Second)
			o.view.learn(learn)
			cancel()
		}
		for key := range l.o.Keys {
			if leader := o.view.leaders[key]; leader >= 0 && busy[key].CompareAndSwap(false, true) {
				value := check.Value(o.process, n)
				n++
				all.Go(func() {
					defer busy[key].Store(false)
					o.send(int32(key), leader, value)
				})
			}
		}
	}
}

type onceSender struct {
	l       *Load
	view    *view
	process int32
}

// send sends one record. Its request ends by itself, not with the client's life.
func (o *onceSender) send(key, leader int32, value int64) {
	w := o.l.o.History
	e := history.Event{Process: o.process, Type: history.Invoke, Op: history.Send, Key: key, Value: value}
	w.Add(e)
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Second)
	defer cancel()
	req, err := o.request(key, value)
	if err == nil {
		var res kmsg.Response
		if res, err = o.view.cl.Broker(int(leader)).Request(ctx, req); err == nil {
			err = produced(res.(*kmsg.ProduceResponse), &e)
		}
	}
	switch {
	case err == nil:
		e.Type = history.OK
		o.l.acked.Add(1)
	case refused(err):
		e.Type, e.Text = history.Fail, err.Error()
	default:
		e.Type, e.Text = history.Info, err.Error()
	}
	w.Add(e)
}

// refused tells whether an answer says that the record was not appended. That
// somebody else leads does not: the leader may have changed after the append.
func refused(err error) bool {
	return err == kerr.NotEnoughReplicas //nolint:errorlint // an answer's code is that very value; wrapped, it came from somewhere else
}

func (o *onceSender) request(key int32, value int64) (*kmsg.ProduceRequest, error) {
	var b record.Builder
	b.Reset(record.Spec{LeaderEpoch: -1})
	b.Append(&record.Record{Timestamp: time.Now().UnixMilli(), Value: encode(value, 32+int(o.l.random(200)))})
	set, err := b.Finish(nil)
	k := o.l.o.Keys[key]
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 2000
	topic, part := kmsg.NewProduceRequestTopic(), kmsg.NewProduceRequestTopicPartition()
	topic.Topic, part.Partition, part.Records = k.Topic, k.Partition, set
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	return req, err
}

// produced reads the one answer there is.
func produced(res *kmsg.ProduceResponse, e *history.Event) error {
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			e.Offset = p.BaseOffset
			return kerr.ErrorForCode(p.ErrorCode)
		}
	}
	return kerr.UnknownServerError
}
