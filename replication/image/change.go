package image

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// Changes is what the next picture has different. Nil and empty fields leave
// what was.
type Changes struct {
	ClusterID       string
	Controller      *int32
	ControllerEpoch *int32
	FeatureEpoch    *int64
	Brokers         []Broker                     // replaces all of them
	Topics          map[string]*Topic            // by name; nil removes
	Deleting        map[string]bool              // true marks, false unmarks
	Deletions       map[string]*Deletion         // of topics that are marked; goes with the mark
	ShuttingDown    map[int32]bool               // true adds, false takes away
	Configs         map[Entity]map[string]string // nil value removes; never topics
}

// With returns the picture after the changes. Of two changes of one topic the
// caller keeps the later.
func (im *Image) With(c Changes) *Image {
	next := *im
	if c.ClusterID != "" {
		next.ClusterID = c.ClusterID
	}
	if c.Controller != nil {
		next.Controller = *c.Controller
	}
	if c.ControllerEpoch != nil {
		next.ControllerEpoch = *c.ControllerEpoch
	}
	if c.FeatureEpoch != nil {
		next.FeatureEpoch = *c.FeatureEpoch
	}
	if c.Brokers != nil {
		next.brokers = slices.Clone(c.Brokers)
		slices.SortFunc(next.brokers, func(a, b Broker) int { return int(a.ID) - int(b.ID) })
	}
	if len(c.Topics) > 0 {
		next.topics, next.ids = im.withTopics(c.Topics)
	}
	if len(c.Deleting) > 0 {
		next.deleting = withMembers(im.deleting, c.Deleting)
	}
	if len(c.Deleting) > 0 || len(c.Deletions) > 0 {
		next.deletions = im.withDeletions(c)
	}
	if len(c.ShuttingDown) > 0 {
		next.shutting = withMembers(im.shutting, c.ShuttingDown)
	}
	if len(c.Configs) > 0 {
		next.configs = maps.Clone(im.configs)
		if next.configs == nil {
			next.configs = make(map[Entity]map[string]string, len(c.Configs))
		}
		for e, config := range c.Configs {
			if config == nil {
				delete(next.configs, e)
				continue
			}
			next.configs[e] = config
		}
	}
	return &next
}

// Then is both changes as one: where both say something, the later counts.
func (c Changes) Then(later Changes) Changes {
	if later.ClusterID != "" {
		c.ClusterID = later.ClusterID
	}
	if later.Controller != nil {
		c.Controller = later.Controller
	}
	if later.ControllerEpoch != nil {
		c.ControllerEpoch = later.ControllerEpoch
	}
	if later.FeatureEpoch != nil {
		c.FeatureEpoch = later.FeatureEpoch
	}
	if later.Brokers != nil {
		c.Brokers = later.Brokers
	}
	c.Topics = joined(c.Topics, later.Topics)
	c.Deleting = joined(c.Deleting, later.Deleting)
	c.Deletions = joined(c.Deletions, later.Deletions)
	c.ShuttingDown = joined(c.ShuttingDown, later.ShuttingDown)
	c.Configs = joined(c.Configs, later.Configs)
	return c
}

func joined[K comparable, V any](a, b map[K]V) map[K]V {
	if len(b) == 0 {
		return a
	}
	if a == nil {
		return maps.Clone(b)
	}
	a = maps.Clone(a)
	maps.Copy(a, b)
	return a
}

// edit is one place in a sorted list: what stands at key's place becomes put,
// or goes if put is nil.
type edit struct{ key, put *Topic }

// withTopics applies the changed topics to the two sorted lists. It costs one
// copy of the pointers and a search for each change.
func (im *Image) withTopics(changed map[string]*Topic) (byName, byID []*Topic) {
	names := make([]edit, 0, len(changed))
	ids := make([]edit, 0, len(changed))
	for name, t := range changed {
		old := im.Topic(name)
		switch {
		case t != nil:
			names = append(names, edit{key: t, put: t})
		case old != nil:
			names = append(names, edit{key: old})
		}
		if old != nil && !old.ID.IsZero() && (t == nil || t.ID != old.ID) {
			ids = append(ids, edit{key: old})
		}
		if t != nil && !t.ID.IsZero() {
			ids = append(ids, edit{key: t, put: t})
		}
	}
	compareNames := func(a, b *Topic) int { return strings.Compare(a.Name, b.Name) }
	compareIDs := func(a, b *Topic) int { return a.ID.Compare(b.ID) }
	return splice(im.topics, names, compareNames), splice(im.ids, ids, compareIDs)
}

// splice copies a sorted list with the edits made.
func splice(old []*Topic, edits []edit, compare func(a, b *Topic) int) []*Topic {
	slices.SortFunc(edits, func(a, b edit) int { return compare(a.key, b.key) })
	out := make([]*Topic, 0, len(old)+len(edits))
	for _, e := range edits {
		i, found := slices.BinarySearchFunc(old, e.key, compare)
		out = append(out, old[:i]...)
		if e.put != nil {
			out = append(out, e.put)
		}
		if found {
			i++
		}
		old = old[i:]
	}
	return append(out, old...)
}

// withDeletions applies what is new about deletions, and drops what is known of
// those that have ended.
func (im *Image) withDeletions(c Changes) map[string]*Deletion {
	next := maps.Clone(im.deletions)
	if next == nil {
		next = make(map[string]*Deletion, len(c.Deletions))
	}
	for name, d := range c.Deletions {
		next[name] = d
	}
	for name, marked := range c.Deleting {
		if !marked {
			delete(next, name)
		}
	}
	return next
}

// withMembers is a sorted set with members added and taken away.
func withMembers[K cmp.Ordered](set []K, changed map[K]bool) []K {
	out := make([]K, 0, len(set)+len(changed))
	for _, k := range set {
		if _, touched := changed[k]; !touched {
			out = append(out, k)
		}
	}
	for k, member := range changed {
		if member {
			out = append(out, k)
		}
	}
	slices.Sort(out)
	return out
}
