package crashfs

import (
	"maps"
	"math/rand/v2"
	"slices"
)

// do makes a change of names visible and lists it as waiting in each directory
// that it concerns.
func (f *FS) do(parts ...part) {
	m := &move{parts: parts}
	var last *node
	for _, p := range parts {
		set(p.dir.names, p)
		p.dir.mtime = f.now()
		if p.dir != last {
			p.dir.moves = append(p.dir.moves, m)
		}
		last = p.dir
	}
}

func set(names map[string]*node, p part) {
	if p.to == nil {
		delete(names, p.name)
	} else {
		names[p.name] = p.to
	}
}

// land makes a change of names durable in all its directories.
func (m *move) land() {
	if m.done {
		return
	}
	m.done = true
	for _, p := range m.parts {
		set(p.dir.durableNames, p)
	}
}

// syncNames makes the names in a directory durable. A rename into it lands
// here; one out of it waits for the directory that it went to, so that a file
// is never nowhere.
func (n *node) syncNames() {
	var still []*move
	for _, m := range n.moves {
		if m.parts[len(m.parts)-1].dir == n {
			m.land()
		} else if !m.done {
			still = append(still, m)
		}
	}
	n.moves = still
}

// settleNames decides by chance which waiting changes of names happened, here
// and in all directories below, those that were removed included: the removal
// may be what is lost.
func (n *node) settleNames(rng *rand.Rand) {
	kept := pick(rng, len(n.moves))
	for i, m := range n.moves {
		if kept(i) {
			m.land()
		}
		m.done = true // decided, for the other directory too
	}
	n.moves = nil
	before := n.names
	n.names = maps.Clone(n.durableNames)
	for _, name := range sortedNames(before) {
		if c := before[name]; c.isDir() && n.names[name] != c {
			c.settleNames(rng)
		}
	}
	for _, name := range sortedNames(n.names) {
		if c := n.names[name]; c.isDir() {
			c.settleNames(rng)
		}
	}
}

func sortedNames(names map[string]*node) []string {
	return slices.Sorted(maps.Keys(names))
}
