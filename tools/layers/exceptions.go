package layers

import "strings"

// Exception is a place where a rule does not hold, with the reason.
type Exception struct {
	Rule  string
	Where string // a file, or a folder and all below it
	Text  string // what the finding's text begins with; "" for any
	Why   string
}

func (e Exception) covers(f Finding) bool {
	return e.Rule == f.Rule && within(f.File, e.Where) && strings.HasPrefix(f.Text, e.Text)
}

// Exceptions are the places in the tree that a rule does not reach.
var Exceptions = []Exception{}
