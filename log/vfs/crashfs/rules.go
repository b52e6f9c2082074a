package crashfs

import "io/fs"

// Kind is a kind of operation.
type Kind string

// The operations that a rule sees. Create is an OpenFile that makes or empties
// a file; Open is any other.
const (
	Open      Kind = "open"
	Create    Kind = "create"
	Read      Kind = "read"
	Write     Kind = "write"
	Sync      Kind = "sync"
	Truncate  Kind = "truncate"
	Close     Kind = "close"
	Remove    Kind = "remove"
	RemoveAll Kind = "removeall"
	Rename    Kind = "rename"
	Mkdir     Kind = "mkdir"
	ReadDir   Kind = "readdir"
	Stat      Kind = "stat"
	Chtimes   Kind = "chtimes"
	SyncDir   Kind = "syncdir"
	SyncAll   Kind = "syncall" // of a Barrier
	Lock      Kind = "lock"
	Free      Kind = "free"
)

// Op is one operation, before it happens.
type Op struct {
	Kind Kind
	Name string // the full path; of a rename the old one
	To   string // of a rename the new path
	Off  int64  // of a read or write
	Len  int    // of a read or write
}

// changes says whether the operation alters the disk or what is durable.
func (k Kind) changes() bool {
	switch k {
	case Create, Write, Sync, Truncate, Remove, RemoveAll, Rename, Mkdir, Chtimes, SyncDir, SyncAll:
		return true
	}
	return false
}

// SetRule lets rule see every operation before it happens; an error that it
// returns is the operation's. The rule runs with the disk locked and must not
// use it. nil takes the rule away.
func (f *FS) SetRule(rule func(Op) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rule = rule
}

// Fail makes every operation of one kind fail with err, until the next rule.
func (f *FS) Fail(k Kind, err error) {
	f.SetRule(func(op Op) error {
		if op.Kind == k {
			return err
		}
		return nil
	})
}

// Changes returns how many operations altered the disk since the start or the
// last Crash or Kill.
func (f *FS) Changes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.changes
}

// StopAfter lets n more changes happen; after that every operation of any kind
// fails with ErrCrashed until Crash or Kill.
func (f *FS) StopAfter(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stopAfter = f.changes + n
}

// enter is the gate of every operation.
func (f *FS) enter(op Op) error {
	if f.changes >= f.stopAfter {
		return &fs.PathError{Op: string(op.Kind), Path: op.Name, Err: ErrCrashed}
	}
	if f.rule != nil {
		if err := f.rule(op); err != nil {
			return &fs.PathError{Op: string(op.Kind), Path: op.Name, Err: err}
		}
	}
	if op.Kind.changes() {
		f.changes++
	}
	return nil
}
