package dir

import (
	"encoding/hex"
	"strconv"
	"strings"

	"github.com/leatmq/leat/log/checkpoint"
)

// maxName is the longest file name that file systems take.
const maxName = 255

// kind is what a partition's directory is for.
type kind int8

const (
	current kind = iota // the partition's log: orders-3
	deleted             // being removed:       orders-3.<32 hex digits>-delete
	future              // a move's new home:   orders-3.<32 hex digits>-future
	stray               // put aside for good:  orders-3.<32 hex digits>-stray
)

var suffixes = map[string]kind{"-delete": deleted, "-future": future, "-stray": stray}

// parseName says which partition a directory belongs to. ok is false for names
// that no broker gives, which are nobody's business.
func parseName(name string) (p checkpoint.Partition, k kind, ok bool) {
	for suffix, of := range suffixes {
		if base, found := strings.CutSuffix(name, suffix); found {
			dot := strings.LastIndexByte(base, '.')
			if dot < 0 || !isTag(base[dot+1:]) {
				return p, current, false
			}
			p, ok = parsePartition(base[:dot])
			return p, of, ok
		}
	}
	p, ok = parsePartition(name)
	return p, current, ok
}

func isTag(s string) bool {
	raw, err := hex.DecodeString(s)
	return err == nil && len(raw) == 16
}

// parsePartition splits at the last hyphen. A number is only one as a broker
// would write it.
func parsePartition(name string) (checkpoint.Partition, bool) {
	i := strings.LastIndexByte(name, '-')
	if i < 0 || !legalTopic(name[:i]) {
		return checkpoint.Partition{}, false
	}
	n, err := strconv.ParseInt(name[i+1:], 10, 32)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != name[i+1:] {
		return checkpoint.Partition{}, false
	}
	return checkpoint.Partition{Topic: name[:i], Index: int32(n)}, true
}

func legalTopic(s string) bool {
	if s == "" || s == "." || s == ".." || len(s) > 249 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
		digit := r >= '0' && r <= '9'
		return !letter && !digit && r != '.' && r != '_' && r != '-'
	})
}

// deletedName gives a directory's name while it waits to be removed; a long
// topic is cut.
func deletedName(p checkpoint.Partition, tag [16]byte) string { return lastName(p, tag, "-delete") }

// strayName gives a directory's name that is kept for a person to look at.
func strayName(p checkpoint.Partition, tag [16]byte) string { return lastName(p, tag, "-stray") }

func lastName(p checkpoint.Partition, tag [16]byte, suffix string) string {
	tail := "-" + strconv.Itoa(int(p.Index)) + "." + hex.EncodeToString(tag[:]) + suffix
	return p.Topic[:min(len(p.Topic), maxName-len(tail))] + tail
}

// futureName gives the name of a move's new home; ok is false when it is too
// long, for it must not be cut.
func futureName(p checkpoint.Partition, tag [16]byte) (name string, ok bool) {
	name = p.String() + "." + hex.EncodeToString(tag[:]) + "-future"
	return name, len(name) <= maxName
}
