package layers

import (
	"fmt"
	"go/ast"
	"path"
	"slices"
	"strings"
)

// The budgets, in lines and parameters.
const (
	maxFile   = 500
	maxFunc   = 70
	maxParams = 4
	maxAlike  = 2 // parameters of one type; compare(a, b) is natural, three are a struct
)

// empty are package names that say nothing.
var empty = []string{"util", "utils", "common", "types", "helpers", "helper", "manager", "misc", "base", "shared"}

// packageNames forbids names that say nothing.
func packageNames(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		if name := strings.TrimSuffix(f.AST.Name.Name, "_test"); slices.Contains(empty, name) {
			out = append(out, f.at("package-name", f.AST.Name.Pos(), "package %s: a package has one idea, and its name says it", name))
		}
	}
	return out
}

// packageDocs wants one package comment for each package, in the file that is
// named after it, in doc.go, or in main.go of a command.
func packageDocs(t *Tree) []Finding {
	var out []Finding
	has, first := map[string]bool{}, map[string]*File{}
	for _, f := range t.Files {
		if f.Test {
			continue
		}
		if first[f.Package] == nil {
			first[f.Package] = f
		}
		if f.AST.Doc == nil || strings.HasPrefix(f.AST.Doc.Text(), "Code generated") {
			continue
		}
		file := path.Base(f.Name)
		if file != f.AST.Name.Name+".go" && file != path.Base(f.Package)+".go" && file != "doc.go" && file != "main.go" {
			out = append(out, f.at("package-doc", f.AST.Package, "the package comment belongs in %s.go", f.AST.Name.Name))
		}
		if has[f.Package] {
			out = append(out, f.at("package-doc", f.AST.Package, "%s has two package comments", f.Package))
		}
		has[f.Package] = true
	}
	for pkg, f := range first {
		if !has[pkg] {
			out = append(out, f.at("package-doc", f.AST.Package, "%s has no package comment", pkg))
		}
	}
	return out
}

// docs wants a comment on every exported name outside tests and commands.
func docs(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		if f.Test || f.AST.Name.Name == "main" {
			continue
		}
		for _, d := range f.AST.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
					out = append(out, f.at("doc", d.Pos(), "%s has no comment", d.Name.Name))
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if name := undocumented(d, spec); name != "" {
						out = append(out, f.at("doc", spec.Pos(), "%s has no comment", name))
					}
				}
			}
		}
	}
	return out
}

// exportedReceiver reports whether a function has no receiver or one of an
// exported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	exported := false
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if x, ok := n.(*ast.Ident); ok && !exported {
			exported = x.IsExported()
			return false
		}
		return true
	})
	return exported
}

// undocumented returns the first exported name of a type, const or var that
// neither it nor its group has a comment for.
func undocumented(d *ast.GenDecl, spec ast.Spec) string {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
			return s.Name.Name
		}
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
				return name.Name
			}
		}
	}
	return ""
}

// fileLength bounds files.
func fileLength(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		if f.Lines > maxFile {
			out = append(out, f.at("file-length", f.AST.FileStart, "%d lines, at most %d", f.Lines, maxFile))
		}
	}
	return out
}

// funcLength bounds functions; one that is a flat switch may be longer.
func funcLength(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		f.functions(func(fn *ast.FuncDecl) {
			lines := f.Set.Position(fn.End()).Line - f.Set.Position(fn.Pos()).Line + 1
			if lines > maxFunc && !flatSwitch(fn) {
				out = append(out, f.at("func-length", fn.Pos(), "%s has %d lines, at most %d", fn.Name.Name, lines, maxFunc))
			}
		})
	}
	return out
}

// flatSwitch reports whether a function is a switch, with a few lines around
// it, whose cases are three statements at most.
func flatSwitch(fn *ast.FuncDecl) bool {
	flat := false
	for _, s := range fn.Body.List {
		var body *ast.BlockStmt
		switch s := s.(type) {
		case *ast.SwitchStmt:
			body = s.Body
		case *ast.TypeSwitchStmt:
			body = s.Body
		default:
			continue
		}
		flat = !slices.ContainsFunc(body.List, func(s ast.Stmt) bool { return len(s.(*ast.CaseClause).Body) > 3 })
	}
	return flat && len(fn.Body.List) <= 4
}

// params bounds parameters: four, and two of one type. A test's *testing.T does
// not count.
func params(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		f.functions(func(fn *ast.FuncDecl) {
			count, alike := 0, map[string]int{}
			for _, field := range fn.Type.Params.List {
				if f.Test && strings.Contains(typeText(field.Type), "testing.") {
					continue
				}
				n := max(len(field.Names), 1)
				count += n
				alike[typeText(field.Type)] += n
			}
			if count > maxParams {
				out = append(out, f.at("params", fn.Pos(), "%s has %d parameters, at most %d; make a struct", fn.Name.Name, count, maxParams))
				return
			}
			for of, n := range alike {
				if n > maxAlike {
					out = append(out, f.at("params", fn.Pos(), "%s has %d parameters of type %s; make a struct", fn.Name.Name, n, of))
				}
			}
		})
	}
	return out
}

// typeText tells types apart well enough for params.
func typeText(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.StarExpr:
		return "*" + typeText(e.X)
	case *ast.SelectorExpr:
		return typeText(e.X) + "." + e.Sel.Name
	case *ast.ArrayType:
		return "[]" + typeText(e.Elt)
	}
	return fmt.Sprintf("%T at %d", e, e.Pos())
}
