package tree

import "fmt"

// OpKind is what an Op does.
type OpKind int8

// The operations of a Multi.
const (
	OpCreate OpKind = iota + 1
	OpSet
	OpDelete
	OpCheck
)

// Flags modify a creation.
type Flags int8

// A created node may be ephemeral, and its name sequential.
const (
	Ephemeral  Flags = 1
	Sequential Flags = 2
)

// Op is one operation of a Multi.
type Op struct {
	Kind    OpKind
	Path    string
	Data    []byte
	Version int32 // demanded by OpSet, OpDelete, OpCheck; AnyVersion: whatever it is
	Flags   Flags // of OpCreate
}

// Create makes a node; its parent must exist.
func Create(path string, data []byte, flags Flags) Op {
	return Op{Kind: OpCreate, Path: path, Data: data, Flags: flags}
}

// Set replaces the data of a node.
func Set(path string, data []byte, version int32) Op {
	return Op{Kind: OpSet, Path: path, Data: data, Version: version}
}

// Delete removes a node without children.
func Delete(path string, version int32) Op {
	return Op{Kind: OpDelete, Path: path, Version: version}
}

// Check demands a version and changes nothing.
func Check(path string, version int32) Op {
	return Op{Kind: OpCheck, Path: path, Version: version}
}

// Result is what one operation of a Multi did.
type Result struct {
	Path string // of a creation: the path made, with its sequence number
	Stat Stat   // of the node after OpCreate and OpSet
}

// MultiError says which operation made a Multi fail. It unwraps to the cause.
type MultiError struct {
	Index int
	Path  string
	Err   error
}

// Error names the path and the cause.
func (e *MultiError) Error() string { return fmt.Sprintf("%s: %v", e.Path, e.Err) }

// Unwrap is the cause, one of the errors of this package.
func (e *MultiError) Unwrap() error { return e.Err }
