package tree

import "context"

// Bounded is a Tree whose calls can wait: for a server that answers.
type Bounded interface {
	Tree
	// Within is the same session; its calls return the cause of ctx's end when
	// ctx ends before the answer is there. What was asked may be done all the
	// same, and watches stay armed.
	Within(ctx context.Context) Tree
}

// Within bounds the calls on a tree by ctx, as Bounded says. A Tree that never
// waits is returned as it is.
func Within(ctx context.Context, t Tree) Tree {
	if b, ok := t.(Bounded); ok {
		return b.Within(ctx)
	}
	return t
}
