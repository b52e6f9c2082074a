package group

// transactions are the offsets of a group that were written in transactions which are not
// decided yet, by producer id. They count from the commit marker on, and not at all after an
// abort marker.
type transactions map[int64]map[Partition]committed

func (x transactions) have(p Partition) bool {
	for _, pending := range x {
		if _, ok := pending[p]; ok {
			return true
		}
	}
	return false
}

func (x *transactions) put(producer int64, p Partition, c committed) {
	if *x == nil {
		*x = transactions{}
	}
	pending := (*x)[producer]
	if pending == nil {
		pending = map[Partition]committed{}
		(*x)[producer] = pending
	}
	pending[p] = c
}

func (x transactions) remove(producer int64, p Partition) {
	pending := x[producer]
	delete(pending, p)
	if len(pending) == 0 {
		delete(x, producer)
	}
}

// forgetTopic drops what was pending for a topic that is gone.
func (x transactions) forgetTopic(t DeletedTopic) {
	for producer, pending := range x {
		for p, c := range pending {
			if p.Topic == t.Name && c.CommitMs <= t.AtMs {
				x.remove(producer, p)
			}
		}
	}
}

// decide is a transaction's marker. An offset that was committed outside the transaction after
// the transaction wrote its own stands.
func (g *Group) decide(producer int64, commit bool) {
	if commit {
		for p, c := range g.open[producer] {
			if present, ok := g.offsets.get(p); !ok || present.at < c.at {
				g.offsets.put(p, c)
			}
		}
	}
	delete(g.open, producer)
}
