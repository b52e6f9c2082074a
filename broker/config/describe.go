package config

import (
	"maps"
	"slices"
)

// Source says where a value comes from, with DescribeConfigs' number for it.
type Source int8

// The sources.
const (
	FromTopic          Source = 1
	FromDynamicBroker  Source = 2
	FromDynamicDefault Source = 3
	FromStatic         Source = 4
	FromDefault        Source = 5
)

// Entry is one row of a DescribeConfigs answer.
type Entry struct {
	Name      string
	Value     *string // nil for null, and for what is sensitive
	Source    Source
	Type      Type
	ReadOnly  bool
	Sensitive bool
	Doc       string
	Synonyms  []Synonym
}

// Synonym is a value that stands, or would stand, for the entry; strongest
// first.
type Synonym struct {
	Name   string
	Value  *string
	Source Source
}

// DescribeTopic returns the rows of a topic's keys; names selects some of them,
// nil all. A key that does not exist has no row.
func (s *Store) DescribeTopic(own map[string]string, names []string) []Entry {
	snap := s.snap.Load()
	var rows []Entry
	for i := range topicKeys {
		k := &topicKeys[i]
		if names != nil && !slices.Contains(names, k.Name) {
			continue
		}
		text := snap.topicValue(k.Name, own).text
		row := Entry{Name: k.Name, Value: &text, Type: k.Type, Doc: k.Doc, Source: FromDefault}
		if _, ok := own[k.Name]; ok {
			row.Synonyms = append(row.Synonyms, Synonym{k.Name, &text, FromTopic})
		}
		if len(k.Synonyms) > 0 {
			row.Synonyms = append(row.Synonyms, s.synonyms(snap, k.Synonyms, k.Synonyms[0], false)...)
		}
		if len(row.Synonyms) > 0 {
			row.Source = row.Synonyms[0].Source
		}
		rows = append(rows, row)
	}
	return rows
}

// DescribeBroker returns the rows of this broker, with the static keys that
// nobody knows (Kafka passes those to its plug-ins); names as in DescribeTopic.
func (s *Store) DescribeBroker(names []string) []Entry {
	snap := s.snap.Load()
	rows := s.brokerRows(snap, names, func(k *Key) bool { return !k.Internal && !k.Dynamic || s.isSet(k.Name, snap.dynamic) })
	for _, name := range s.custom(snap) {
		if names == nil || slices.Contains(names, name) {
			rows = append(rows, s.customRow(snap, name))
		}
	}
	return rows
}

// DescribeDefaults returns the rows of what is set for all brokers of the
// cluster while they run.
func (s *Store) DescribeDefaults(names []string) []Entry {
	snap := s.snap.Load()
	set := snap.dynamic[ClusterDefault]
	rows := s.brokerRows(snap, names, func(k *Key) bool { _, ok := set[k.Name]; return ok })
	for i := range rows {
		text := set[rows[i].Name]
		rows[i].Source = FromDynamicDefault
		rows[i].Synonyms = slices.DeleteFunc(rows[i].Synonyms, func(y Synonym) bool { return y.Source != FromDynamicDefault })
		if !rows[i].Sensitive {
			rows[i].Value = &text
		}
	}
	return rows
}

func (s *Store) brokerRows(snap *snapshot, names []string, wanted func(*Key) bool) []Entry {
	var rows []Entry
	for i := range brokerKeys {
		k := &brokerKeys[i]
		if !wanted(k) || (names != nil && !slices.Contains(names, k.Name)) {
			continue
		}
		row := Entry{Name: k.Name, Type: k.Type, Doc: k.Doc, Source: FromDefault,
			ReadOnly: k.Mode == ReadOnly, Sensitive: k.Type == Password}
		if v := snap.own[i]; !v.null && !row.Sensitive {
			row.Value = &v.text
		}
		chain := []string{k.Name}
		if len(k.Synonyms) > 0 && !k.Alias {
			chain = k.Synonyms
		}
		row.Synonyms = s.synonyms(snap, chain, k.Name, row.Sensitive)
		if len(row.Synonyms) > 0 {
			row.Source = row.Synonyms[0].Source
		}
		rows = append(rows, row)
	}
	return rows
}

// synonyms lists every value that a chain of keys has: all dynamic ones of this
// broker, then of the cluster, then static ones, then defaults. Those before
// the first that has the name asked for are left out, as Kafka does.
func (s *Store) synonyms(snap *snapshot, chain []string, name string, secret bool) []Synonym {
	var all []Synonym
	add := func(key string, text *string, from Source) {
		if secret {
			text = nil
		}
		all = append(all, Synonym{key, text, from})
	}
	for scope, from := range []Source{FromDynamicBroker, FromDynamicDefault} {
		for _, key := range chain {
			if text, ok := snap.dynamic[scope][key]; ok {
				add(key, &text, from)
			}
		}
	}
	for _, key := range chain {
		if g, ok := s.given[key]; ok {
			add(key, &g.value, FromStatic)
		}
	}
	for _, key := range chain {
		k := &brokerKeys[brokerByID[key]]
		if d := k.standard(s.node); d != nil {
			add(key, d, FromDefault)
		}
	}
	first := slices.IndexFunc(all, func(y Synonym) bool { return y.Name == name })
	if first < 0 {
		return nil
	}
	return all[first:]
}

// custom returns the names, sorted, that were set but are in no table.
func (s *Store) custom(snap *snapshot) []string {
	set := map[string]bool{}
	for name := range s.given {
		set[name] = true
	}
	for _, values := range snap.dynamic {
		for name := range values {
			set[name] = true
		}
	}
	maps.DeleteFunc(set, func(name string, _ bool) bool { _, ok := brokerByID[name]; return ok })
	return slices.Sorted(maps.Keys(set))
}

// customRow is the row of a key in no table. Its type is unknown, so it may be
// a secret and its value is not shown.
func (s *Store) customRow(snap *snapshot, name string) Entry {
	row := Entry{Name: name, Source: FromStatic, ReadOnly: true, Sensitive: true}
	if k, ok := Lookup(baseName(name)); ok {
		row.Type, row.Doc, row.Sensitive = k.Type, k.Doc, k.Type == Password
	}
	for i, set := range []map[string]string{snap.dynamic[ThisBroker], snap.dynamic[ClusterDefault], s.static()} {
		if text, ok := set[name]; ok {
			y := Synonym{Name: name, Source: FromDynamicBroker + Source(i)}
			if !row.Sensitive {
				y.Value = &text
			}
			row.Synonyms = append(row.Synonyms, y)
		}
	}
	row.Source, row.Value = row.Synonyms[0].Source, row.Synonyms[0].Value
	return row
}

func (s *Store) static() map[string]string {
	m := make(map[string]string, len(s.given))
	for name, g := range s.given {
		m[name] = g.value
	}
	return m
}
