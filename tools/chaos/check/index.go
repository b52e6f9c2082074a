package check

import (
	"cmp"
	"math"
	"slices"

	"github.com/leatmq/leat/tools/chaos/history"
)

// Send is one record and what became of it.
type Send struct {
	Value, Offset int64 // Offset is -1 unless it is known
	Key, Process  int32
	Invoke, Done  int64 // Done is the end of time unless it ended
	Outcome       history.Type
	Txn           int64
}

// Poll is one read.
type Poll struct {
	Process    int32
	Begin, End int64
	Outcome    history.Type
	Txn        int64
	Runs       []history.Run
	// Moved tells that the process' keys changed since its last poll began, or
	// while this one lasted; Assigned that they were assigned anew by hand.
	Moved    map[int32]bool
	Assigned bool
	Group    string
}

// Place is a record at an offset.
type Place struct {
	Offset, Value int64
	Polled        bool // some poll returned it
	PolledOK      bool // an ok poll did
}

// Partition is what is known about one partition.
type Partition struct {
	// Places are all pairs of offset and value that were acknowledged to strong
	// producers or seen by anybody, by offset, then value.
	Places []Place
	// Offsets are those of Places, once each: the index of one is its rank.
	Offsets []int64
}

// Rank is the place of an offset among those that hold records; -1 for none.
func (p *Partition) Rank(offset int64) int {
	if i, ok := slices.BinarySearch(p.Offsets, offset); ok {
		return i
	}
	return -1
}

// Index is a history, sorted for the checks.
type Index struct {
	*history.History
	Clients map[int32]history.Client
	Sends   []Send // by time of invocation
	ByValue map[int64]int
	Polls   []Poll // by time of their event
	Keys    []Partition
	// Where has the ranks of each value, ascending, by key: what duplicates has
	// more than one.
	Where map[int64]Spot
	// Outcome of each transaction; those that never ended are Info.
	Txns map[int64]history.Type
	// Last is the time of the last event.
	Last int64
	// Replicas are what the brokers have left, nil where nobody looked.
	Replicas []Replica
}

// Spot is where a value was first and last seen.
type Spot struct {
	Key         int32
	First, Last int // ranks
	Polled      bool
}

// never is the end of what did not end.
const never = math.MaxInt64

// NewIndex sorts h.
func NewIndex(h *history.History) *Index {
	x := &Index{History: h, Clients: map[int32]history.Client{}, Txns: map[int64]history.Type{}}
	sends := 0
	for i := range h.Events {
		e := &h.Events[i]
		x.Last = max(x.Last, e.Time)
		if e.Op == history.Process && e.Client != nil {
			x.Clients[e.Process] = *e.Client
		}
		if e.Op == history.Send && e.Type == history.Invoke {
			sends++
		}
	}
	x.Sends, x.ByValue = make([]Send, 0, sends), make(map[int64]int, sends)
	moved := map[int32]*movement{}
	for i := range h.Events {
		x.take(&h.Events[i], moved)
	}
	x.places()
	return x
}

// movement is how a process' keys changed since its last poll.
type movement struct {
	keys     map[int32]bool
	assigned bool
}

func (x *Index) take(e *history.Event, moved map[int32]*movement) {
	m := moved[e.Process]
	if m == nil {
		m = &movement{}
		moved[e.Process] = m
	}
	switch e.Op {
	case history.Send:
		x.send(e)
	case history.Poll:
		if e.Type == history.Invoke {
			return
		}
		p := Poll{Process: e.Process, Begin: e.Begin, End: e.Time, Outcome: e.Type, Txn: e.Txn, Runs: e.Runs,
			Moved: m.keys, Assigned: m.assigned, Group: x.Clients[e.Process].Group}
		m.keys, m.assigned = nil, false
		x.Polls = append(x.Polls, p)
	case history.Assign:
		m.assigned = true
	case history.Own:
		if m.keys == nil {
			m.keys = map[int32]bool{}
		}
		for _, r := range e.Runs {
			m.keys[r.Key] = true
		}
	case history.EndTxn:
		if e.Type != history.Invoke {
			x.Txns[e.Txn] = e.Type
		}
	}
}

func (x *Index) send(e *history.Event) {
	if e.Txn != 0 && x.Txns[e.Txn] == "" {
		x.Txns[e.Txn] = history.Info
	}
	if e.Type == history.Invoke {
		x.ByValue[e.Value] = len(x.Sends)
		x.Sends = append(x.Sends, Send{Value: e.Value, Offset: -1, Key: e.Key, Process: e.Process, Invoke: e.Time,
			Done: never, Outcome: history.Info, Txn: e.Txn})
		return
	}
	i, ok := x.ByValue[e.Value]
	if !ok {
		return
	}
	s := &x.Sends[i]
	s.Outcome, s.Done = e.Type, e.Time
	if done(e.Type) {
		s.Offset = e.Offset
	}
}

// places fills Keys and Where.
func (x *Index) places() {
	keys := len(x.About.Keys)
	for i := range x.Sends {
		keys = max(keys, int(x.Sends[i].Key)+1)
	}
	for i := range x.Polls {
		for _, r := range x.Polls[i].Runs {
			keys = max(keys, int(r.Key)+1)
		}
	}
	x.Keys = make([]Partition, keys)
	for i := range x.Sends {
		if s := &x.Sends[i]; s.Offset >= 0 && x.strong(s) && s.Outcome == history.OK {
			k := &x.Keys[s.Key]
			k.Places = append(k.Places, Place{Offset: s.Offset, Value: s.Value})
		}
	}
	for i := range x.Polls {
		ok := done(x.Polls[i].Outcome)
		for _, r := range x.Polls[i].Runs {
			k := &x.Keys[r.Key]
			for j, v := range r.Values {
				k.Places = append(k.Places, Place{Offset: r.Offset + int64(j), Value: v, Polled: true, PolledOK: ok})
			}
		}
	}
	x.Where = make(map[int64]Spot, len(x.Sends))
	for key := range x.Keys {
		x.Keys[key].sort()
		x.spots(int32(key))
	}
}

// sort puts the places in order, each once.
func (p *Partition) sort() {
	slices.SortFunc(p.Places, func(a, b Place) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(a.Value, b.Value))
	})
	n := 0
	for _, q := range p.Places {
		if n > 0 && p.Places[n-1].Offset == q.Offset && p.Places[n-1].Value == q.Value {
			p.Places[n-1].Polled = p.Places[n-1].Polled || q.Polled
			p.Places[n-1].PolledOK = p.Places[n-1].PolledOK || q.PolledOK
			continue
		}
		p.Places[n] = q
		n++
	}
	p.Places = p.Places[:n]
	for _, q := range p.Places {
		if len(p.Offsets) == 0 || p.Offsets[len(p.Offsets)-1] != q.Offset {
			p.Offsets = append(p.Offsets, q.Offset)
		}
	}
}

// spots notes the ranks of each value of a partition.
func (x *Index) spots(key int32) {
	rank, last := -1, int64(-1)
	for _, q := range x.Keys[key].Places {
		if q.Offset != last {
			rank, last = rank+1, q.Offset
		}
		if q.Value == 0 {
			continue
		}
		spot, seen := x.Where[q.Value]
		switch {
		case !seen:
			spot = Spot{Key: key, First: rank, Last: rank, Polled: q.Polled}
		case spot.Key == key:
			spot.Last, spot.Polled = rank, spot.Polled || q.Polled
		default:
			continue // another partition: Unexpected finds it
		}
		x.Where[q.Value] = spot
	}
}

// landed is the offset of a record that is known to stand somewhere: from its
// acknowledgement, or because somebody read it. -1 for none.
func (x *Index) landed(s *Send) int64 {
	if s.Offset >= 0 {
		return s.Offset
	}
	if spot, ok := x.Where[s.Value]; ok && spot.Polled && spot.Key == s.Key {
		return x.Keys[spot.Key].Offsets[spot.First]
	}
	return -1
}
