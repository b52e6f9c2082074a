package control_test

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/partition/topic"
)

// modelPartition is what a controller has decided about a partition, and what
// broker 0 is to do with it.
type modelPartition struct {
	leader, epoch, version int32
	part                   string // leads, follows, stopped, none
}

// modelTopic is a topic of the model.
type modelTopic struct {
	id         topic.ID
	partitions []modelPartition
}

// model is a controller and all that it has sent to broker 0.
type model struct {
	r      *rapid.T
	topics map[string]*modelTopic
	ids    byte
	sent   []kmsg.Request
	states []map[string]modelTopic // what holds after each request
}

func (m *model) send(req kmsg.Request) {
	m.sent = append(m.sent, req)
	now := map[string]modelTopic{}
	for name, t := range m.topics {
		now[name] = modelTopic{t.id, append([]modelPartition(nil), t.partitions...)}
	}
	m.states = append(m.states, now)
}

// roles sends the roles of a topic's partitions, then announces.
func (m *model) roles(name string, numbers ...int32) {
	t := m.topics[name]
	s := kmsg.LeaderAndISRRequestTopicState{Topic: name, TopicID: t.id}
	for _, n := range numbers {
		p := &t.partitions[n]
		s.PartitionStates = append(s.PartitionStates, role{number: n, leader: p.leader, epoch: p.epoch, version: p.version}.state())
	}
	m.send(&kmsg.LeaderAndISRRequest{Version: 7, ControllerEpoch: 1, BrokerEpoch: 1, TopicStates: []kmsg.LeaderAndISRRequestTopicState{s}})
	m.announce(name, numbers...)
}

func (m *model) announce(name string, numbers ...int32) {
	t := m.topics[name]
	s := kmsg.UpdateMetadataRequestTopicState{Topic: name, TopicID: t.id}
	for _, n := range numbers {
		p := &t.partitions[n]
		s.PartitionStates = append(s.PartitionStates, kmsg.UpdateMetadataRequestTopicPartition{
			Partition: n, Leader: p.leader, LeaderEpoch: p.epoch, ZKVersion: p.version, Replicas: []int32{0, 1}, ISR: []int32{0},
		})
	}
	m.send(metadata([]int32{0, 1}, s))
}

// step decides one thing.
func (m *model) step() {
	name := rapid.SampledFrom([]string{"a", "b"}).Draw(m.r, "topic")
	t := m.topics[name]
	if t == nil {
		m.ids++
		m.topics[name] = &modelTopic{id: topic.ID{m.ids}, partitions: []modelPartition{m.first(), m.first()}}
		m.roles(name, 0, 1)
		return
	}
	n := rapid.Int32Range(0, 1).Draw(m.r, "partition")
	p := &t.partitions[n]
	p.version++
	switch rapid.SampledFrom([]string{"elect", "elect", "alter", "stop", "remove", "delete"}).Draw(m.r, "what") {
	case "elect": // brings a replica back that was stopped or removed
		p.leader = rapid.Int32Range(-1, 1).Draw(m.r, "leader")
		p.epoch++
		p.part = "follows"
		if p.leader == 0 {
			p.part = "leads"
		}
		m.roles(name, n)
	case "alter":
		m.announce(name, n)
	case "stop", "remove":
		remove := rapid.Bool().Draw(m.r, "data")
		p.leader, p.epoch = 1, p.epoch+1
		had := p.part
		m.announce(name, n)
		switch {
		case remove:
			p.part = "none"
		case had != "none":
			p.part = "stopped"
		}
		m.send(&kmsg.StopReplicaRequest{Version: 4, ControllerEpoch: 1, BrokerEpoch: 1, Topics: []kmsg.StopReplicaRequestTopic{{
			Topic: name, PartitionStates: []kmsg.StopReplicaRequestTopicPartitionState{{Partition: n, LeaderEpoch: p.epoch, Delete: remove}}}}})
	case "delete":
		delete(m.topics, name)
		m.send(metadata([]int32{0, 1}, told(name, t.id, 0, -2, -2)))
		m.send(&kmsg.StopReplicaRequest{Version: 4, ControllerEpoch: 1, BrokerEpoch: 1, Topics: []kmsg.StopReplicaRequestTopic{{
			Topic: name, PartitionStates: []kmsg.StopReplicaRequestTopicPartitionState{{Partition: 0, LeaderEpoch: -2, Delete: true}, {Partition: 1, LeaderEpoch: -2, Delete: true}}}}})
	}
}

func (m *model) first() modelPartition {
	if rapid.Bool().Draw(m.r, "leads") {
		return modelPartition{part: "leads"}
	}
	return modelPartition{leader: 1, part: "follows"}
}

func (r *rig) deliver(req kmsg.Request) {
	switch q := req.(type) {
	case *kmsg.LeaderAndISRRequest:
		r.control.LeaderAndISR(context(), q)
	case *kmsg.UpdateMetadataRequest:
		r.control.UpdateMetadata(context(), q)
	case *kmsg.StopReplicaRequest:
		r.control.StopReplica(context(), q)
	}
}

// part is what this broker does with a replica.
func (r *rig) part(p checkpoint.Partition) (what string, epoch int32) {
	if _, there := r.dirs.Get(p); !there {
		return "none", -1
	}
	replica, err := r.set.Get(p)
	if err != nil {
		return "none", -1
	}
	if l, err := replica.Leader(-1); err == nil {
		return "leads", l.Epoch()
	}
	if f, err := replica.Follower(-1); err == nil {
		return "follows", f.Epoch()
	}
	return "stopped", -1
}

// TestLateRepetitions: requests arrive in order, as a channel sends them, and
// each may arrive again at any later time, as one does that was sent on a
// connection that broke. The repetitions have no effect whatever.
func TestLateRepetitions(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{r: rt, topics: map[string]*modelTopic{}}
		for range rapid.IntRange(1, 15).Draw(rt, "steps") {
			m.step()
		}
		r := newRig(t)
		for k, req := range m.sent {
			r.deliver(req)
			requireModel(rt, r, m, k)
			for range rapid.IntRange(0, 3).Draw(rt, "repetitions") {
				if late := rapid.IntRange(0, k).Draw(rt, "late"); !m.ambiguous(late, k) {
					r.deliver(m.sent[late])
					requireModel(rt, r, m, k)
				}
			}
		}
	})
}

// ambiguous says whether nobody can tell that request k comes late: StopReplica
// has no topic ids, and the name has come to mean another topic.
func (m *model) ambiguous(late, k int) bool {
	q, ok := m.sent[late].(*kmsg.StopReplicaRequest)
	if !ok || q.Topics[0].PartitionStates[0].LeaderEpoch == -2 {
		return false
	}
	name := q.Topics[0].Topic
	return m.states[late][name].id != m.states[k][name].id
}

// requireModel: this broker is as it must be after request k. Of a decision that
// is sent in two requests the second may be missing.
func requireModel(t *rapid.T, r *rig, m *model, k int) {
	for _, name := range []string{"a", "b"} {
		want, there := m.states[k][name]
		for n := range int32(2) {
			shown := r.control.Image().Partition(name, n)
			what, epoch := r.part(checkpoint.Partition{Topic: name, Index: n})
			switch m.sent[k].(type) {
			case *kmsg.LeaderAndISRRequest: // not announced yet
			default:
				require.Equal(t, there, shown != nil)
				if there {
					p := want.partitions[n]
					require.Equal(t, []int32{p.leader, p.epoch, p.version}, []int32{shown.Leader, shown.LeaderEpoch, shown.PartitionEpoch})
				}
			}
			switch m.sent[k].(type) {
			case *kmsg.UpdateMetadataRequest: // announced, perhaps not stopped yet
			default:
				if !there {
					require.Equal(t, "none", what)
					continue
				}
				p := want.partitions[n]
				require.Equal(t, p.part, what)
				if what == "leads" || what == "follows" {
					require.Equal(t, p.epoch, epoch)
				}
			}
		}
	}
}

// TestAnyOrder: whatever order requests arrive in, of the states of one topic's
// partition a later one is never replaced by an earlier one, neither in the
// picture nor in the role.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{r: rt, topics: map[string]*modelTopic{}}
		for range rapid.IntRange(1, 12).Draw(rt, "steps") {
			m.step()
		}
		r := newRig(t)
		type key struct {
			id topic.ID
			p  checkpoint.Partition
		}
		shown, played := map[key][2]int32{}, map[key]int32{}
		for range 3 * len(m.sent) {
			r.deliver(rapid.SampledFrom(m.sent).Draw(rt, "request"))
			maps.DeleteFunc(shown, func(k key, _ [2]int32) bool { return r.control.Image().TopicByID(k.id) == nil })
			for _, tp := range r.control.Image().Topics() {
				for n, p := range tp.Partitions {
					if p.Replicas == nil {
						continue // nothing was told of it
					}
					k := key{tp.ID, checkpoint.Partition{Topic: tp.Name, Index: int32(n)}}
					now := [2]int32{p.LeaderEpoch, p.PartitionEpoch}
					require.False(rt, now[0] < shown[k][0] || now[0] == shown[k][0] && now[1] < shown[k][1], "%v was %v, is %v", k, shown[k], now)
					shown[k] = now
				}
			}
			maps.DeleteFunc(played, func(k key, _ int32) bool { what, _ := r.part(k.p); return what == "none" })
			for _, replica := range r.set.All() {
				_, epoch := r.part(replica.ID())
				k := key{replica.TopicID(), replica.ID()}
				if epoch >= 0 {
					require.GreaterOrEqual(rt, epoch, played[k])
					played[k] = epoch
				}
			}
		}
	})
}
