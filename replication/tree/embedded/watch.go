package embedded

import "github.com/leatmq/leat/replication/tree"

// watches are the armed one-shot watches, by path: those for a node's data or
// existence, and those for its list of children.
type watches struct {
	node     map[string][]tree.Watch
	children map[string][]tree.Watch
}

func (w *watches) onNode(path string, f tree.Watch) {
	if w.node == nil {
		w.node = make(map[string][]tree.Watch)
	}
	w.node[path] = append(w.node[path], f)
}

func (w *watches) onChildren(path string, f tree.Watch) {
	if w.children == nil {
		w.children = make(map[string][]tree.Watch)
	}
	w.children[path] = append(w.children[path], f)
}

// fire tells the watches of the events, each watch once. As in ZooKeeper, a
// deleted node is told to those who watch its data and to those who watch its
// children.
func (w *watches) fire(events []tree.Event) {
	for _, e := range events {
		if e.Type != tree.NodeChildrenChanged {
			spend(w.node, e)
		}
		if e.Type == tree.NodeChildrenChanged || e.Type == tree.NodeDeleted {
			spend(w.children, e)
		}
	}
}

func spend(armed map[string][]tree.Watch, e tree.Event) {
	told := armed[e.Path]
	delete(armed, e.Path)
	for _, f := range told {
		f(e)
	}
}

// lapse tells every watch that the session is over.
func (w *watches) lapse() {
	for _, armed := range []map[string][]tree.Watch{w.node, w.children} {
		for path, told := range armed {
			for _, f := range told {
				f(tree.Event{Type: tree.SessionExpired, Path: path})
			}
		}
	}
	w.node, w.children = nil, nil
}
