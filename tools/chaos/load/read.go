package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/leatmq/leat/tools/chaos/history"
)

// read is one life of a reader: it begins where the last one ended, or, one time
// in three, at the start.
func (l *Load) read(ctx context.Context, at []int64) error {
	if l.random(3) == 0 {
		clear(at)
	}
	process := l.begin(history.Client{Library: "franz-go", Text: "reader"})
	cl, err := l.reader(process, at)
	if err != nil {
		return err
	}
	defer cl.Close()
	for ctx.Err() == nil {
		l.poll(ctx, cl, process, at)
	}
	return nil
}

// reader makes a client that reads every partition from at.
func (l *Load) reader(process int32, at []int64) (*kgo.Client, error) {
	from := map[string]map[int32]kgo.Offset{}
	e := history.Event{Process: process, Type: history.OK, Op: history.Assign}
	for i, k := range l.o.Keys {
		if from[k.Topic] == nil {
			from[k.Topic] = map[int32]kgo.Offset{}
		}
		from[k.Topic][k.Partition] = kgo.NewOffset().At(at[i])
		e.Runs = append(e.Runs, history.Run{Key: int32(i), Offset: at[i]})
	}
	l.o.History.Add(e)
	return l.client(kgo.ConsumePartitions(from), kgo.FetchMaxWait(250*time.Millisecond), kgo.KeepRetryableFetchErrors(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
}

// poll polls once, writes down what came, and moves at.
func (l *Load) poll(ctx context.Context, cl *kgo.Client, process int32, at []int64) {
	begin := l.o.History.Now()
	pctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	fetches := cl.PollRecords(pctx, 2000)
	runs := l.runs(fetches)
	for _, r := range runs {
		if end := r.Offset + int64(len(r.Values)); at != nil {
			at[r.Key] = end
		}
	}
	if len(runs) > 0 {
		l.o.History.Add(history.Event{Process: process, Type: history.OK, Op: history.Poll, Begin: begin, Runs: runs})
	}
	var lost *kgo.ErrDataLoss
	for _, e := range fetches.Errors() {
		if errors.As(e.Err, &lost) {
			l.o.History.Add(history.Event{Process: process, Type: history.Info, Op: history.Note, Text: "reader: " + lost.Error()})
		}
	}
}

// runs puts polled records together.
func (l *Load) runs(fetches kgo.Fetches) []history.Run {
	var out []history.Run
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		key, ok := l.index[Key{p.Topic, p.Partition}]
		if !ok {
			return
		}
		for i, r := range p.Records {
			if i == 0 || r.Offset != p.Records[i-1].Offset+1 {
				out = append(out, history.Run{Key: key, Offset: r.Offset})
			}
			last := &out[len(out)-1]
			last.Values = append(last.Values, decode(r.Value))
		}
	})
	return out
}

// member is one life of a member of a group.
func (l *Load) member(ctx context.Context) error {
	process := l.begin(history.Client{Library: "franz-go", Group: groupGo})
	own := func(text string) func(context.Context, *kgo.Client, map[string][]int32) {
		return func(_ context.Context, _ *kgo.Client, parts map[string][]int32) {
			e := history.Event{Process: process, Type: history.OK, Op: history.Own, Text: text}
			for topic, ps := range parts {
				for _, p := range ps {
					e.Runs = append(e.Runs, history.Run{Key: l.index[Key{topic, p}]})
				}
			}
			l.o.History.Add(e)
		}
	}
	cl, err := l.client(kgo.ConsumerGroup(groupGo), kgo.ConsumeTopics(l.topics()...), kgo.DisableAutoCommit(), kgo.BlockRebalanceOnPoll(),
		kgo.FetchMaxWait(250*time.Millisecond), kgo.SessionTimeout(6*time.Second), kgo.HeartbeatInterval(time.Second), kgo.RebalanceTimeout(6*time.Second),
		kgo.OnPartitionsAssigned(own("given")), kgo.OnPartitionsRevoked(own("taken")), kgo.OnPartitionsLost(own("lost")),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return err
	}
	defer func() {
		cl.AllowRebalance()
		if l.random(2) == 0 {
			leave, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			defer cancel()
			if err := cl.LeaveGroupContext(leave); err != nil {
				l.note(process, "leave: "+err.Error())
			}
		}
		cl.Close()
	}()
	for ctx.Err() == nil {
		l.consume(ctx, cl, process)
	}
	return nil
}

func (l *Load) note(process int32, text string) {
	l.o.History.Add(history.Event{Process: process, Type: history.Info, Op: history.Note, Text: text})
}

// consume polls and commits what came. A commit that fails for its generation
// certainly did not happen; of others nobody knows.
func (l *Load) consume(ctx context.Context, cl *kgo.Client, process int32) {
	defer cl.AllowRebalance()
	begin := l.o.History.Now()
	pctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	fetches := cl.PollRecords(pctx, 500)
	runs := l.runs(fetches)
	if len(runs) == 0 {
		return
	}
	l.o.History.Add(history.Event{Process: process, Type: history.OK, Op: history.Poll, Begin: begin, Runs: runs})
	e := history.Event{Process: process, Type: history.OK, Op: history.Commit, Group: groupGo, Begin: l.o.History.Now()}
	ends := map[int32]int64{}
	for _, r := range runs {
		ends[r.Key] = r.Offset + int64(len(r.Values))
	}
	for key, end := range ends {
		e.Runs = append(e.Runs, history.Run{Key: key, Offset: end})
	}
	cctx, stop := context.WithTimeout(ctx, 4*time.Second)
	defer stop()
	if err := cl.CommitRecords(cctx, fetches.Records()...); err != nil {
		e.Type, e.Text = history.Info, err.Error()
		for _, refused := range []error{kerr.IllegalGeneration, kerr.UnknownMemberID, kerr.RebalanceInProgress, kerr.FencedInstanceID} {
			if errors.Is(err, refused) && len(e.Runs) == 1 {
				e.Type = history.Fail
			}
		}
	}
	l.o.History.Add(e)
}

// ReadAll reads every partition to its end, as it is now, and says so in the
// history.
func (l *Load) ReadAll(ctx context.Context) (err error) {
	process := l.begin(history.Client{Library: "franz-go", Text: "final reader"})
	e := history.Event{Process: process, Op: history.Final, Type: history.OK}
	defer func() {
		if err != nil {
			e.Type, e.Text = history.Info, err.Error()
		}
		l.o.History.Add(e)
	}()
	at := make([]int64, len(l.o.Keys))
	cl, err := l.reader(process, at)
	if err != nil {
		return err
	}
	defer cl.Close()
	ends, err := l.ends(ctx, cl)
	if err != nil {
		return err
	}
	for {
		left := ""
		for i, end := range ends {
			if at[i] < end {
				left += fmt.Sprintf(" %s at %d of %d", l.o.Keys[i], at[i], end)
			}
		}
		if left == "" {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("load: could not read everything:%s: %w", left, ctx.Err())
		}
		l.poll(ctx, cl, process, at)
	}
}

// ends asks until every partition has told its end.
func (l *Load) ends(ctx context.Context, cl *kgo.Client) ([]int64, error) {
	for {
		out, missing := make([]int64, len(l.o.Keys)), errors.New("no answer")
		listed, err := kadm.NewClient(cl).ListEndOffsets(ctx, l.topics()...)
		if err == nil {
			missing = nil
			for i, k := range l.o.Keys {
				o, ok := listed.Lookup(k.Topic, k.Partition)
				if !ok || o.Err != nil {
					missing = fmt.Errorf("%s: %w", k, errors.Join(errors.New("no end"), o.Err))
				}
				out[i] = o.Offset
			}
			if missing == nil {
				return out, nil
			}
		}
		wait := time.NewTimer(100 * time.Millisecond)
		select {
		case <-ctx.Done():
			wait.Stop()
			return nil, fmt.Errorf("load: where the logs end: %w", errors.Join(ctx.Err(), err, missing))
		case <-wait.C:
		}
	}
}
