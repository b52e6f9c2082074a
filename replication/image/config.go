package image

import (
	"cmp"
	"slices"
	"strings"
)

// EntityType is what a configuration in the tree belongs to; its text is the
// folder below /config.
type EntityType string

// The entities that have configurations. A user's clients are addressed by a
// name of three parts, "<user>/clients/<client>".
const (
	TopicEntity  EntityType = "topics"
	BrokerEntity EntityType = "brokers"
	ClientEntity EntityType = "clients"
	UserEntity   EntityType = "users"
	IPEntity     EntityType = "ips"
)

// DefaultName is the entity that stands for all those without a configuration
// of their own.
const DefaultName = "<default>"

// Entity is one owner of a configuration. Name is as it stands in the tree:
// user and client names sanitised.
type Entity struct {
	Type EntityType
	Name string
}

// Path is the entity's path below /config, which change notifications carry.
func (e Entity) Path() string { return string(e.Type) + "/" + e.Name }

// EntityOf reads what Path wrote.
func EntityOf(path string) (Entity, bool) {
	kind, name, ok := strings.Cut(path, "/")
	if !ok || name == "" {
		return Entity{}, false
	}
	switch e := (Entity{Type: EntityType(kind), Name: name}); e.Type {
	case TopicEntity, BrokerEntity, ClientEntity, UserEntity, IPEntity:
		return e, true
	}
	return Entity{}, false
}

// Config returns an entity's own configuration, nil if it has none. For a topic
// that is what the topic overrides.
func (im *Image) Config(e Entity) map[string]string {
	if e.Type != TopicEntity {
		return im.configs[e]
	}
	if t := im.Topic(e.Name); t != nil {
		return t.Config
	}
	return nil
}

// Entities returns the entities of a type that have a configuration, sorted by
// name. Topics are not among them.
func (im *Image) Entities(kind EntityType) []Entity {
	var out []Entity
	for e := range im.configs {
		if e.Type == kind {
			out = append(out, e)
		}
	}
	slices.SortFunc(out, func(a, b Entity) int { return cmp.Compare(a.Name, b.Name) })
	return out
}
