package check

import (
	"fmt"
	"strings"

	"github.com/leatmq/leat/tools/chaos/history"
)

// edge says that one transaction came before another: it wrote the record before
// the other's (ww), or what the other read (wr).
type edge struct {
	to   int
	wr   bool
	what string
}

// graph is who came before whom. A send or poll outside of any transaction is
// one by itself.
type graph struct {
	names []string
	edges [][]edge
	node  map[int64]int // of transactions
}

func (g *graph) add(name string) int {
	g.names, g.edges = append(g.names, name), append(g.edges, nil)
	return len(g.names) - 1
}

func (g *graph) of(txn int64) int {
	n, ok := g.node[txn]
	if !ok {
		n = g.add(fmt.Sprintf("transaction %d", txn))
		g.node[txn] = n
	}
	return n
}

// Cycles finds transactions that each came before the other. Of writes alone (G0)
// and of writes and reads (G1c-ww) they are allowed, for writes are not isolated;
// of reads alone (G1c) they are not, for then each read what the other committed
// later.
func Cycles(x *Index) []Finding {
	g0, g1c, ww := Finding{Name: "G0"}, Finding{Name: "G1c", Bad: true}, Finding{Name: "G1c-ww"}
	if len(x.Txns) == 0 {
		return []Finding{g0, g1c, ww} // what is no transaction has edges one way only
	}
	g := x.graph()
	report := func(f *Finding, use func(edge) bool, also func([]edge) bool) {
		for _, cycle := range g.cycles(use) {
			if !also(cycle) {
				continue
			}
			var text strings.Builder
			for _, e := range cycle {
				fmt.Fprintf(&text, "%s -> %s; ", e.what, g.names[e.to])
			}
			f.add("%s", strings.TrimSuffix(text.String(), "; "))
		}
	}
	every := func([]edge) bool { return true }
	report(&g0, func(e edge) bool { return !e.wr }, every)
	report(&g1c, func(e edge) bool { return e.wr }, every)
	report(&ww, func(edge) bool { return true }, func(cycle []edge) bool {
		reads := 0
		for _, e := range cycle {
			if e.wr {
				reads++
			}
		}
		return reads > 0 && reads < len(cycle)
	})
	return []Finding{g0, g1c, ww}
}

// graph draws the edges: from each record to the next of its partition, and from
// each record to who read it as the highest of its partition.
func (x *Index) graph() *graph {
	g := &graph{node: map[int64]int{}}
	writer := make(map[int64]int, len(x.Sends))
	for i := range x.Sends {
		if s := &x.Sends[i]; s.Txn != 0 {
			writer[s.Value] = g.of(s.Txn)
		} else {
			writer[s.Value] = g.add("send " + name(s.Value))
		}
	}
	for key := range x.Keys {
		var before *Place
		for i := range x.Keys[key].Places {
			q := &x.Keys[key].Places[i]
			if _, sent := writer[q.Value]; !sent {
				continue
			}
			if before != nil && writer[before.Value] != writer[q.Value] {
				from := writer[before.Value]
				g.edges[from] = append(g.edges[from], edge{to: writer[q.Value], what: fmt.Sprintf("ww %s offset %d", x.key(int32(key)), q.Offset)})
			}
			before = q
		}
	}
	for i := range x.Polls {
		p := &x.Polls[i]
		if p.Outcome != history.OK || p.Txn == 0 {
			continue // a read that is no part of a transaction comes before nothing
		}
		reader, highest := g.of(p.Txn), map[int32]int64{}
		for _, r := range p.Runs {
			if n := len(r.Values); n > 0 {
				highest[r.Key] = r.Values[n-1]
			}
		}
		for key, v := range highest {
			if from, sent := writer[v]; sent && from != reader {
				g.edges[from] = append(g.edges[from], edge{to: reader, wr: true, what: "wr " + x.key(key) + " " + name(v)})
			}
		}
	}
	return g
}

// cycles returns a shortest cycle through each strongly connected component of
// the edges that use admits.
func (g *graph) cycles(use func(edge) bool) [][]edge {
	var out [][]edge
	component := g.components(use)
	seen := map[int]bool{}
	for v := range g.edges {
		if c := component[v]; !seen[c] {
			if cycle := g.shortest(v, func(e edge) bool { return use(e) && component[e.to] == c }); cycle != nil {
				seen[c] = true
				out = append(out, cycle)
			}
		}
	}
	return out
}

// shortest is a shortest way from v back to v.
func (g *graph) shortest(v int, use func(edge) bool) []edge {
	type step struct {
		from int
		by   edge
	}
	came, queue := map[int]step{}, []int{v}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		for _, e := range g.edges[at] {
			if !use(e) {
				continue
			}
			if e.to == v {
				way := []edge{e}
				for at != v {
					way = append([]edge{came[at].by}, way...)
					at = came[at].from
				}
				return way
			}
			if _, ok := came[e.to]; !ok {
				came[e.to] = step{at, e}
				queue = append(queue, e.to)
			}
		}
	}
	return nil
}

// components numbers strongly connected components: Tarjan's way, with a stack
// of its own so that a million nodes do not nest.
func (g *graph) components(use func(edge) bool) []int {
	n := len(g.edges)
	index, low, component := make([]int, n), make([]int, n), make([]int, n)
	for i := range component {
		component[i] = -1
	}
	type frame struct{ v, next int }
	var path []int
	var calls []frame
	count := 0
	visit := func(v int) {
		count++
		index[v], low[v] = count, count
		path, calls = append(path, v), append(calls, frame{v, 0})
	}
	for root := range n {
		if index[root] == 0 {
			visit(root)
		}
		for len(calls) > 0 {
			f := &calls[len(calls)-1]
			v := f.v
			if f.next < len(g.edges[v]) {
				e := g.edges[v][f.next]
				f.next++
				switch {
				case !use(e):
				case index[e.to] == 0:
					visit(e.to)
				case component[e.to] < 0:
					low[v] = min(low[v], index[e.to])
				}
				continue
			}
			calls = calls[:len(calls)-1]
			if len(calls) > 0 {
				up := calls[len(calls)-1].v
				low[up] = min(low[up], low[v])
			}
			for low[v] == index[v] {
				w := path[len(path)-1]
				path, component[w] = path[:len(path)-1], v
				if w == v {
					break
				}
			}
		}
	}
	return component
}

// TornTransactions finds readers that saw a part of a transaction and, having
// read past the places of the rest, not the rest (G1b).
func TornTransactions(x *Index) []Finding {
	f := Finding{Name: "G1b", Bad: true}
	if len(x.Txns) == 0 {
		return []Finding{f}
	}
	writes := map[int64][]*Send{}
	for i := range x.Sends {
		if s := &x.Sends[i]; s.Txn != 0 && x.landed(s) >= 0 {
			writes[s.Txn] = append(writes[s.Txn], s)
		}
	}
	type span struct{ low, high int64 }
	spans, saw := map[lane]span{}, map[int32]map[int64]bool{}
	for i := range x.Polls {
		p := &x.Polls[i]
		if p.Outcome != history.OK || p.Group != "" {
			continue
		}
		if saw[p.Process] == nil {
			saw[p.Process] = map[int64]bool{}
		}
		for _, r := range p.Runs {
			l := lane{p.Process, r.Key}
			s, ok := spans[l]
			if !ok {
				s = span{r.Offset, r.Offset}
			}
			spans[l] = span{min(s.low, r.Offset), max(s.high, r.Offset+int64(len(r.Values))-1)}
			for _, v := range r.Values {
				saw[p.Process][v] = true
			}
		}
	}
	for txn, ws := range writes {
		for process, values := range saw {
			var seen, missing *Send
			for _, s := range ws {
				l, covered := spans[lane{process, s.Key}]
				if values[s.Value] {
					seen = s
				} else if at := x.landed(s); covered && l.low < at && at < l.high {
					missing = s
				}
			}
			if seen != nil && missing != nil {
				f.add("process %d read %s of transaction %d at %s, and not %s, having read past %s offset %d", process, name(seen.Value), txn,
					x.key(seen.Key), name(missing.Value), x.key(missing.Key), x.landed(missing))
			}
		}
	}
	return []Finding{f}
}
