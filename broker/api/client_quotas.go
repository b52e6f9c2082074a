package api

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/znode"
)

// Entities that quotas are set for.
const (
	quotaUser   = "user"
	quotaClient = "client-id"
	quotaIP     = "ip"
)

// quotaEntity is who a quota is for: by type of entity its name, nil for the
// default one.
type quotaEntity map[string]*string

// quotaKeys are the keys that quotas have in configurations, and whether a
// value may have a fraction.
var quotaKeys = map[string]struct {
	kind string
	ip   bool
}{
	"producer_byte_rate":       {kind: "LONG"},
	"consumer_byte_rate":       {kind: "LONG"},
	"request_percentage":       {kind: "DOUBLE"},
	"controller_mutation_rate": {kind: "DOUBLE"},
	"connection_creation_rate": {kind: "INT", ip: true},
}

func badQuota(format string, args ...any) error {
	return refused(plan.ErrInvalidRequest, fmt.Sprintf(format, args...))
}

// place is where the configuration of an entity is kept.
func (e quotaEntity) place() (image.Entity, error) {
	name := func(kind string) string {
		if e[kind] == nil {
			return image.DefaultName
		}
		return znode.Sanitize(*e[kind])
	}
	_, user := e[quotaUser]
	_, client := e[quotaClient]
	_, ip := e[quotaIP]
	switch {
	case ip && (user || client):
		return image.Entity{}, badQuota("Invalid quota entity combination, IP entity should not be used with user or client ID entity.")
	case ip:
		if e[quotaIP] != nil && !isIP(*e[quotaIP]) {
			return image.Entity{}, badQuota("%s is not a valid IP or resolvable host.", name(quotaIP))
		}
		return image.Entity{Type: image.IPEntity, Name: name(quotaIP)}, nil
	case user && client:
		return image.Entity{Type: image.UserEntity, Name: name(quotaUser) + "/clients/" + name(quotaClient)}, nil
	case user:
		return image.Entity{Type: image.UserEntity, Name: name(quotaUser)}, nil
	case client:
		return image.Entity{Type: image.ClientEntity, Name: name(quotaClient)}, nil
	}
	return image.Entity{}, badQuota("Invalid empty client quota entity")
}

func isIP(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// add notes one part of an entity.
func (e quotaEntity) add(kind string, name *string) error {
	switch kind {
	case quotaUser, quotaClient, quotaIP:
	default:
		return badQuota("Unhandled client quota entity type: %s", kind)
	}
	if name != nil && *name == "" {
		return badQuota("Empty %s not supported", kind)
	}
	e[kind] = name
	return nil
}

// quotaOp sets a quota, or removes it.
type quotaOp struct {
	key    string
	value  float64
	remove bool
}

// applyQuotas is a configuration with quotas changed.
func applyQuotas(was map[string]string, at image.Entity, ops []quotaOp) (map[string]string, error) {
	next := maps.Clone(was)
	if next == nil {
		next = map[string]string{}
	}
	for _, op := range ops {
		key, known := quotaKeys[op.key]
		if !known || key.ip != (at.Type == image.IPEntity) {
			return nil, badQuota("Invalid configuration key %s", op.key)
		}
		if op.remove {
			delete(next, op.key)
			continue
		}
		if key.kind == "DOUBLE" {
			next[op.key] = double(op.value)
			continue
		}
		if op.value != math.Trunc(op.value) || op.value < 0 || op.value > math.MaxInt64 {
			return nil, badQuota("Configuration %s must be a %s value", op.key, key.kind)
		}
		next[op.key] = strconv.FormatInt(int64(op.value), 10)
	}
	return next, nil
}

// double writes a number as Kafka does: always with a fraction.
func double(v float64) string {
	s := strconv.FormatFloat(v, 'f', -1, 64)
	if strings.ContainsAny(s, ".NI") {
		return s
	}
	return s + ".0"
}

// quotaEntry is an entity with its quotas.
type quotaEntry struct {
	entity quotaEntity
	values map[string]float64
}

// quotasOf are all quotas of the cluster, in the order of their places.
func quotasOf(im *image.Image) []quotaEntry {
	var out []quotaEntry
	for _, kind := range []image.EntityType{image.UserEntity, image.ClientEntity, image.IPEntity} {
		for _, at := range im.Entities(kind) {
			entry := quotaEntry{entity: entityAt(at), values: map[string]float64{}}
			for key, text := range im.Config(at) {
				if _, known := quotaKeys[key]; !known {
					continue
				}
				if v, err := strconv.ParseFloat(text, 64); err == nil {
					entry.values[key] = v
				}
			}
			if len(entry.values) > 0 && entry.entity != nil {
				out = append(out, entry)
			}
		}
	}
	return out
}

// entityAt is whose configuration is kept at a place, nil for nobody's.
func entityAt(at image.Entity) quotaEntity {
	name := func(text string) *string {
		if text == image.DefaultName {
			return nil
		}
		n, ok := znode.Desanitize(text)
		if !ok {
			n = text
		}
		return &n
	}
	switch at.Type {
	case image.IPEntity:
		return quotaEntity{quotaIP: name(at.Name)}
	case image.ClientEntity:
		return quotaEntity{quotaClient: name(at.Name)}
	case image.UserEntity:
		user, client, both := strings.Cut(at.Name, "/clients/")
		e := quotaEntity{quotaUser: name(user)}
		if both {
			e[quotaClient] = name(client)
		}
		return e
	}
	return nil
}

// kinds are the types of an entity in the order in which they are told.
func (e quotaEntity) kinds() []string {
	order := func(a, b string) int { return cmp.Compare(b, a) } // user, ip, client-id
	return slices.SortedFunc(maps.Keys(e), order)
}
