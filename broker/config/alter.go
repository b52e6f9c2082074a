package config

import (
	"maps"
	"slices"
	"strings"
)

// OpKind is what IncrementalAlterConfigs does to a key, with its number.
type OpKind int8

// The operations (KIP-339).
const (
	Set      OpKind = 0
	Delete   OpKind = 1
	Append   OpKind = 2
	Subtract OpKind = 3
)

// Op is one change to a key. Value is ignored by Delete; elsewhere nil is
// refused.
type Op struct {
	Name  string
	Kind  OpKind
	Value *string
}

// AlterTopic applies ops to a topic's own values and returns the new ones,
// checked; own is not written. The error's text is Kafka's, without the name of
// the resource. An operation other than the four is the caller's to refuse.
func (s *Store) AlterTopic(own map[string]string, ops []Op) (map[string]string, error) {
	next, err := s.apply(own, ops, func(name string) (Type, string) {
		i, ok := topicByID[name]
		if !ok {
			return Unknown, ""
		}
		return topicKeys[i].Type, s.snap.Load().topicValue(name, nil).text
	})
	if err != nil {
		return nil, err
	}
	return next, s.ValidateTopic(next)
}

// AlterBroker applies ops to a scope's dynamic values and returns the new ones,
// checked; nothing changes before SetDynamic. Keys that the table does not have
// are let through, as by Kafka.
func (s *Store) AlterBroker(scope Scope, ops []Op) (map[string]string, error) {
	next, err := s.apply(s.Dynamic(scope), ops, func(name string) (Type, string) {
		i, ok := brokerByID[name]
		if !ok {
			return Unknown, ""
		}
		return brokerKeys[i].Type, s.snap.Load().own[i].text
	})
	if err != nil {
		return nil, err
	}
	touched := map[string]string{}
	for _, op := range ops {
		if v, ok := next[op.Name]; ok {
			touched[op.Name] = v
		}
	}
	return next, s.validateDynamic(scope, next, touched)
}

// apply carries out ops on a copy of from. describe returns a key's type and
// the value that append and subtract begin with.
func (s *Store) apply(from map[string]string, ops []Op, describe func(string) (Type, string)) (map[string]string, error) {
	next := make(map[string]string, len(from)+len(ops))
	maps.Copy(next, from)
	seen := map[string]bool{}
	for _, op := range ops {
		if seen[op.Name] {
			return nil, refuse(ErrInvalidRequest, "Error due to duplicate config keys")
		}
		seen[op.Name] = true
	}
	for _, op := range ops {
		if op.Kind != Delete && op.Value == nil {
			return nil, refuse(ErrInvalidRequest, "Null value not supported for : %s", op.Name)
		}
	}
	for _, op := range ops {
		switch op.Kind {
		case Set:
			next[op.Name] = *op.Value
		case Delete:
			delete(next, op.Name)
		case Append, Subtract:
			t, base := describe(op.Name)
			if t != List {
				return nil, refuse(ErrNotList, "Config value %s is not allowed for config key: %s",
					map[OpKind]string{Append: "append", Subtract: "subtract"}[op.Kind], op.Name)
			}
			if own, ok := next[op.Name]; ok {
				base = own
			}
			next[op.Name] = combine(base, *op.Value, op.Kind)
		}
	}
	return next, nil
}

// combine appends to a list what it has not, or subtracts what it has.
func combine(base, change string, kind OpKind) string {
	list, other := splitList(base), splitList(change)
	if kind == Subtract {
		list = slices.DeleteFunc(list, func(e string) bool { return slices.Contains(other, e) })
		return strings.Join(list, ",")
	}
	for _, e := range other {
		if !slices.Contains(list, e) {
			list = append(list, e)
		}
	}
	return strings.Join(list, ",")
}
