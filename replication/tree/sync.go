package tree

// Lagging is a Tree whose reads may be of a while ago: each server of an ensemble
// answers from what it has heard of.
type Lagging interface {
	Tree
	// Sync returns when whatever had been written anywhere before the call can be
	// read.
	Sync() error
}

// Sync makes what is read next as new as whatever caused the reading. A Tree that
// never lags does nothing.
func Sync(t Tree) error {
	if l, ok := t.(Lagging); ok {
		return l.Sync()
	}
	return nil
}
