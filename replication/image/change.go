package image

import (
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
		next.deleting = withNames(im.deleting, c.Deleting)
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

// withTopics merges the changed topics into the two sorted lists. It costs one
// copy of the pointers, however many change.
func (im *Image) withTopics(changed map[string]*Topic) (byName, byID []*Topic) {
	fresh := make([]*Topic, 0, len(changed))
	for _, t := range changed {
		if t != nil {
			fresh = append(fresh, t)
		}
	}
	slices.SortFunc(fresh, func(a, b *Topic) int { return strings.Compare(a.Name, b.Name) })
	kept := func(t *Topic) bool { _, touched := changed[t.Name]; return !touched }
	byName = merge(im.topics, fresh, kept, func(a, b *Topic) bool { return a.Name < b.Name })

	fresh = slices.DeleteFunc(fresh, func(t *Topic) bool { return t.ID.IsZero() })
	slices.SortFunc(fresh, func(a, b *Topic) int { return a.ID.Compare(b.ID) })
	byID = merge(im.ids, fresh, kept, func(a, b *Topic) bool { return a.ID.Compare(b.ID) < 0 })
	return byName, byID
}

// merge joins two sorted lists, leaving out of the first what is not kept.
func merge(old, fresh []*Topic, kept func(*Topic) bool, less func(a, b *Topic) bool) []*Topic {
	out := make([]*Topic, 0, len(old)+len(fresh))
	for _, t := range old {
		if !kept(t) {
			continue
		}
		for len(fresh) > 0 && less(fresh[0], t) {
			out, fresh = append(out, fresh[0]), fresh[1:]
		}
		out = append(out, t)
	}
	return append(out, fresh...)
}

func withNames(names []string, changed map[string]bool) []string {
	out := make([]string, 0, len(names)+len(changed))
	for _, n := range names {
		if _, touched := changed[n]; !touched {
			out = append(out, n)
		}
	}
	for n, marked := range changed {
		if marked {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}
