// Package layers holds the house rules that a compiler does not: which package
// may import which, which packages are pure, and how the code looks. Its test
// runs them over the whole tree; testdata/planted has a violation of each, so
// that a rule which has gone blind is seen too.
//
//	log ← partition ← replication ← broker ← cmd        coordinator → log/record, log/compress
//	client/wire ← replication, broker                   client → client/wire
//
// What cannot hold is in the table of exceptions, each with its reason; one that
// is no longer needed is a finding itself.
package layers

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Module is the import path that the rules are about.
const Module = "github.com/leatmq/leat"

// Finding is a place where a rule does not hold.
type Finding struct {
	Rule string
	File string // from the root of the tree
	Line int
	Text string
}

// String is the finding in one line, as compilers write it.
func (f Finding) String() string {
	return fmt.Sprintf("%s:%d: [%s] %s", f.File, f.Line, f.Rule, f.Text)
}

// File is one parsed Go file.
type File struct {
	Name    string // from the root: log/record/batch.go
	Package string // its folder: log/record
	Test    bool
	Lines   int
	AST     *ast.File
	Set     *token.FileSet
}

// Tree is all Go files of a module.
type Tree struct{ Files []*File }

// Rule looks at a tree.
type Rule func(*Tree) []Finding

// Rules are all of them by name.
var Rules = map[string]Rule{
	"direction":    direction,
	"purity":       purity,
	"clock":        clock,
	"std-log":      stdLog,
	"goroutine":    goroutines,
	"init":         inits,
	"swallowed":    swallowed,
	"skip":         skips,
	"words":        words,
	"package-name": packageNames,
	"package-doc":  packageDocs,
	"doc":          docs,
	"file-length":  fileLength,
	"func-length":  funcLength,
	"params":       params,
}

// Load parses every Go file below root. Folders called testdata, bin or data, and
// hidden ones, are left out.
func Load(root fs.FS) (*Tree, error) {
	t := &Tree{}
	set := token.NewFileSet()
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (d.Name() == "testdata" || name == "bin" || name == "data" || d.Name()[0] == '.'):
			return fs.SkipDir
		case d.IsDir() || path.Ext(name) != ".go":
			return nil
		}
		data, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(set, name, data, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		t.Files = append(t.Files, &File{Name: name, Package: path.Dir(name), Test: strings.HasSuffix(name, "_test.go"),
			Lines: strings.Count(string(data), "\n"), AST: parsed, Set: set})
		return nil
	})
	return t, err
}

// Check runs the rules and takes the exceptions out. An exception that takes
// nothing out is a finding.
func Check(t *Tree, rules map[string]Rule, except []Exception) []Finding {
	used := make([]bool, len(except))
	var left []Finding
	for _, rule := range rules {
		for _, f := range rule(t) {
			i := slices.IndexFunc(except, func(e Exception) bool { return e.covers(f) })
			if i < 0 {
				left = append(left, f)
			} else {
				used[i] = true
			}
		}
	}
	for i, e := range except {
		if !used[i] {
			left = append(left, Finding{e.Rule, e.Where, 0, "this exception is no longer needed: remove it"})
		}
	}
	slices.SortFunc(left, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Rule, b.Rule))
	})
	return left
}

// at makes a finding of a place in the file.
func (f *File) at(rule string, pos token.Pos, format string, args ...any) Finding {
	return Finding{rule, f.Name, f.Set.Position(pos).Line, fmt.Sprintf(format, args...)}
}

// imports calls visit with each import of the file.
func (f *File) imports(visit func(path string, pos token.Pos)) {
	for _, spec := range f.AST.Imports {
		visit(strings.Trim(spec.Path.Value, `"`), spec.Pos())
	}
}

// selects returns the name that an expression takes from a package of the
// standard library, such as Now of time.Now, or "".
func (f *File) selects(e ast.Expr, from string) string {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	x, ok := s.X.(*ast.Ident)
	if !ok || x.Name != path.Base(from) {
		return ""
	}
	found := ""
	f.imports(func(p string, _ token.Pos) {
		if p == from {
			found = s.Sel.Name
		}
	})
	return found
}

// functions calls visit with each function that has a body.
func (f *File) functions(visit func(*ast.FuncDecl)) {
	for _, d := range f.AST.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
			visit(fn)
		}
	}
}

// within reports whether a package is the folder or below it.
func within(pkg, folder string) bool {
	return pkg == folder || strings.HasPrefix(pkg, folder+"/")
}
