package alter_test

import (
	"context"
	"encoding/hex"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/replication/alter"
)

// answered is what came of a proposal.
type answered struct {
	partition.Proposal
	partition.Answer
}

// rig is an Alter whose controller the test is.
type rig struct {
	*alter.Alter
	began time.Time
	asked chan *kmsg.AlterPartitionRequest
	reply chan func(*kmsg.AlterPartitionRequest) (kmsg.Response, error)
	told  []answered
	again bool // unanswered proposals are made again at once, as a leader does
}

// within runs a test in a bubble with a running Alter.
func within(t *testing.T, test func(*rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{
			began: time.Now(), asked: make(chan *kmsg.AlterPartitionRequest),
			reply: make(chan func(*kmsg.AlterPartitionRequest) (kmsg.Response, error)),
		}
		r.Alter = alter.New(alter.Options{
			BrokerID: 4, BrokerEpoch: func() int64 { return 77 }, Logger: slog.New(slog.DiscardHandler),
			Ask: func(ctx context.Context, q kmsg.Request) (kmsg.Response, error) {
				got := q.(*kmsg.AlterPartitionRequest)
				select {
				case r.asked <- got:
					return (<-r.reply)(got)
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			},
			Answered: func(p partition.Proposal, a partition.Answer) {
				r.told = append(r.told, answered{p, a})
				if r.again && a.Verdict == partition.Unanswered {
					r.Propose(p)
				}
			},
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		test(r)
		cancel()
		require.NoError(t, <-done)
	})
}

func proposal(topic string, index, epoch int32) partition.Proposal {
	return partition.Proposal{
		Partition: checkpoint.Partition{Topic: topic, Index: index}, TopicID: [16]byte{topic[0]},
		LeaderEpoch: epoch, PartitionEpoch: 9, ISR: []int32{4, 5},
	}
}

// agree answers every partition with what was proposed.
func agree(q *kmsg.AlterPartitionRequest) (kmsg.Response, error) { return each(0)(q) }

func each(code int16) func(*kmsg.AlterPartitionRequest) (kmsg.Response, error) {
	return func(q *kmsg.AlterPartitionRequest) (kmsg.Response, error) {
		out := kmsg.NewPtrAlterPartitionResponse()
		for _, t := range q.Topics {
			topic := kmsg.NewAlterPartitionResponseTopic()
			topic.TopidID = t.TopicID
			for _, p := range t.Partitions {
				row := kmsg.NewAlterPartitionResponseTopicPartition()
				row.Partition, row.ErrorCode, row.LeaderEpoch, row.PartitionEpoch = p.Partition, code, p.LeaderEpoch, p.PartitionEpoch+1
				for _, member := range p.NewEpochISR {
					row.ISR = append(row.ISR, member.BrokerID)
				}
				topic.Partitions = append(topic.Partitions, row)
			}
			out.Topics = append(out.Topics, topic)
		}
		return out, nil
	}
}

// The controller hears which lives of the members the leader means.
func TestEpochsOfTheMembers(t *testing.T) {
	within(t, func(r *rig) {
		p := proposal("a", 0, 1)
		p.Epochs = []int64{-1, 60}
		r.Propose(p)
		q := <-r.asked
		r.reply <- agree
		require.Equal(t, []kmsg.AlterPartitionRequestTopicPartitionNewEpochISR{
			{BrokerID: 4, BrokerEpoch: -1}, {BrokerID: 5, BrokerEpoch: 60},
		}, q.Topics[0].Partitions[0].NewEpochISR)
	})
}

// The bytes are those that Kafka's brokers send, and their controller's answer is
// understood.
func TestOnTheWire(t *testing.T) {
	id := [16]byte{0x91, 0x08, 0xc9, 0x94, 0x2a, 0x5b, 0x43, 0x8d, 0xb1, 0x5e, 0xe1, 0x63, 0x1c, 0x71, 0x3b, 0xc3}
	p := partition.Proposal{
		Partition: checkpoint.Partition{Topic: "t", Index: 0}, TopicID: id, LeaderEpoch: 2, PartitionEpoch: 2, ISR: []int32{0, 1, 2},
	}
	var sent []byte
	told := make(chan partition.Answer, 1)
	a := alter.New(alter.Options{
		BrokerID: 0, BrokerEpoch: func() int64 { return 26 },
		Ask: func(_ context.Context, q kmsg.Request) (kmsg.Response, error) {
			sent = q.AppendTo(nil)
			raw, err := hex.DecodeString("00000000" + "0000" + "029108c9942a5b438db15ee1631c713bc302" +
				"00000000" + "0000" + "00000000" + "00000002" + "04000000000000000100000002" + "00" + "00000003" + "000000")
			if err != nil {
				return nil, err
			}
			out := kmsg.NewPtrAlterPartitionResponse()
			out.Version = q.GetVersion()
			return out, out.ReadFrom(raw)
		},
		Answered: func(_ partition.Proposal, a partition.Answer) { told <- a },
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	a.Propose(p)
	require.Equal(t, partition.Answer{LeaderEpoch: 2, PartitionEpoch: 3, ISR: []int32{0, 1, 2}}, <-told)
	cancel()
	require.NoError(t, <-done)
	require.Equal(t, "00000000000000000000001a029108c9942a5b438db15ee1631c713bc30200000000000000020400000000ffffffffffffffff"+
		"0000000001ffffffffffffffff0000000002ffffffffffffffff000000000002000000", hex.EncodeToString(sent))
}

func TestProposalsGoOutAtOnceAndTogether(t *testing.T) {
	within(t, func(r *rig) {
		r.Propose(proposal("a", 0, 1))
		require.Len(t, (<-r.asked).Topics, 1)
		r.Propose(proposal("b", 1, 1))
		r.Propose(proposal("a", 2, 1))
		r.Propose(proposal("b", 0, 1))
		r.Propose(proposal("b", 0, 2))
		r.reply <- agree
		next := <-r.asked
		require.Zero(t, time.Since(r.began), "nothing has waited")
		require.Len(t, next.Topics, 2)
		require.Len(t, next.Topics[1].Partitions, 2)
		require.EqualValues(t, 2, next.Topics[1].Partitions[0].LeaderEpoch, "the last proposal of a partition counts")
		require.EqualValues(t, 77, next.BrokerEpoch)
		r.reply <- agree
		synctest.Wait()
		require.Len(t, r.told, 4)
		require.Equal(t, partition.Answer{LeaderEpoch: 1, PartitionEpoch: 10, ISR: []int32{4, 5}}, r.told[0].Answer)
	})
}

func TestNoAnswerIsAskedForAgain(t *testing.T) {
	within(t, func(r *rig) {
		r.Propose(proposal("a", 0, 1))
		r.Propose(proposal("a", 1, 1))
		for i, reply := range []func(*kmsg.AlterPartitionRequest) (kmsg.Response, error){
			func(*kmsg.AlterPartitionRequest) (kmsg.Response, error) { return nil, errors.New("gone") },
			func(*kmsg.AlterPartitionRequest) (kmsg.Response, error) {
				return &kmsg.AlterPartitionResponse{ErrorCode: kerr.StaleBrokerEpoch.Code}, nil
			},
			func(*kmsg.AlterPartitionRequest) (kmsg.Response, error) { return new(kmsg.FetchResponse), nil },
			agree,
		} {
			synctest.Wait()
			require.Len(t, (<-r.asked).Topics[0].Partitions, 2)
			require.Equal(t, time.Duration(i)*50*time.Millisecond, time.Since(r.began))
			if i == 0 {
				r.Propose(proposal("a", 1, 2)) // takes the place of the one that fails
			}
			r.reply <- reply
		}
		synctest.Wait()
		require.Len(t, r.told, 2)
		require.EqualValues(t, 2, r.told[1].Proposal.LeaderEpoch)
	})
}

func TestWhatErrorsMean(t *testing.T) {
	for verdict, all := range map[partition.Verdict][]*kerr.Error{
		partition.Refused: {kerr.OperationNotAttempted, kerr.IneligibleReplica},
		partition.Superseded: {
			kerr.UnknownTopicOrPartition, kerr.UnknownTopicID, kerr.FencedLeaderEpoch,
			kerr.InvalidUpdateVersion, kerr.InvalidRequest, kerr.NewLeaderElected,
		},
		partition.Unanswered: {kerr.UnknownServerError, kerr.NotController},
	} {
		for _, e := range all {
			within(t, func(r *rig) {
				r.Propose(proposal("a", 0, 1))
				<-r.asked
				r.reply <- each(e.Code)
				synctest.Wait()
				require.Equal(t, partition.Answer{Verdict: verdict}, r.told[0].Answer, e.Message)
			})
		}
	}
}

// A row that says nothing comes round again, and not without a pause.
func TestUnansweredRowsComeRound(t *testing.T) {
	within(t, func(r *rig) {
		r.again = true
		r.Propose(proposal("a", 0, 1))
		<-r.asked
		r.reply <- func(*kmsg.AlterPartitionRequest) (kmsg.Response, error) { return new(kmsg.AlterPartitionResponse), nil }
		require.Len(t, (<-r.asked).Topics, 1)
		require.Equal(t, 50*time.Millisecond, time.Since(r.began))
		r.reply <- agree
		synctest.Wait()
		require.Len(t, r.told, 2)
	})
}
