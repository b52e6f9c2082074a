package group

// Delete is a DeleteGroups of one group. answer is called at once or by Written.
func (tb *Table) Delete(t *Turn, id string, answer func(Code)) {
	g := tb.groups[id]
	switch {
	case g == nil:
		answer(GroupNotFound)
		return
	case g.State() != Empty:
		answer(NonEmptyGroup)
		return
	}
	t.group = g
	g.erase(t, answer)
	tb.settle(t)
}

// DeletedOffset is one partition of an OffsetDelete; Code is the answer.
type DeletedOffset struct {
	Partition Partition
	Code      Code
}

// DeleteOffsets is an OffsetDelete. The offsets' codes are right after Written, or at once if
// the turn has no records; with a code for the group they mean nothing.
func (tb *Table) DeleteOffsets(t *Turn, id string, offsets []DeletedOffset) Code {
	g := tb.groups[id]
	switch {
	case g == nil:
		return GroupNotFound
	case g.State() != Empty && g.protocolType != consumerType:
		return NonEmptyGroup
	}
	var present []Partition
	seen := map[Partition]bool{}
	for i := range offsets {
		p := offsets[i].Partition
		offsets[i].Code = None
		if g.State() != Empty && (!g.topics.known || g.topics.has(p.Topic)) {
			offsets[i].Code = SubscribedToTopic
			continue
		}
		if _, ok := g.offsets.get(p); ok && !seen[p] {
			seen[p] = true
			present = append(present, p)
		}
	}
	t.group = g
	g.forget(t, present, func(c Code) {
		for i := range offsets {
			if offsets[i].Code == None {
				offsets[i].Code = c
			}
		}
	})
	tb.settle(t)
	return None
}

// Expire deletes the offsets of a group that nobody has used for as long as they are kept, and
// the group if nothing is left of it.
func (tb *Table) Expire(t *Turn, id string) {
	g := tb.groups[id]
	if g == nil {
		return
	}
	t.group = g
	g.forget(t, g.expired(t), nil)
	tb.settle(t)
}

// DeletedTopic is a topic that is gone.
type DeletedTopic struct {
	Name string
	// AtMs is when it went, in milliseconds since 1970: what was committed later is about a
	// new topic of the same name.
	AtMs int64
}

// ForgetTopics deletes the offsets of a group for topics that are gone.
func (tb *Table) ForgetTopics(t *Turn, id string, topics []DeletedTopic) {
	g := tb.groups[id]
	if g == nil {
		return
	}
	var gone []Partition
	for _, topic := range topics {
		g.open.forgetTopic(topic)
		gone = append(gone, g.ofTopic(topic.Name, topic.AtMs)...)
	}
	t.group = g
	if len(gone) > 0 {
		g.forget(t, gone, nil)
	}
	tb.settle(t)
}
