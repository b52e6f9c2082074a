package layers

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
)

// timed are the folders in which time is an argument or an injected function;
// they may name time.Now, as a default, but not call it.
var timed = []string{"log", "partition", "replication", "coordinator", "broker/api", "broker/session"}

// clock forbids calls of time.Now where time is injected, and time.Sleep in
// tests but for files whose tests run in a bubble of testing/synctest, where it
// takes no time.
func clock(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		injected := !f.Test && slices.ContainsFunc(timed, func(folder string) bool { return within(f.Package, folder) })
		bubble := false
		f.imports(func(path string, _ token.Pos) { bubble = bubble || path == "testing/synctest" })
		ast.Inspect(f.AST, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			switch name := f.selects(call.Fun, "time"); {
			case injected && (name == "Now" || name == "Since" || name == "Until"):
				out = append(out, f.at("clock", call.Pos(), "time.%s: time comes in as an argument or an injected function", name))
			case f.Test && !bubble && name == "Sleep":
				out = append(out, f.at("clock", call.Pos(), "time.Sleep: wait for a condition, or use testing/synctest"))
			}
			return true
		})
	}
	return out
}

// stdLog forbids the standard log, which our package log shadows.
func stdLog(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		f.imports(func(path string, pos token.Pos) {
			if path == "log" {
				out = append(out, f.at("std-log", pos, "the standard log is never imported; use log/slog"))
			}
		})
	}
	return out
}

// waited are names of functions whose goroutines are waited for.
var waited = regexp.MustCompile(`^([rR]un|[sS]erve|[bB]ackground)`)

// goroutines forbids a go statement outside functions that run or serve.
func goroutines(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		if f.Test {
			continue
		}
		f.functions(func(fn *ast.FuncDecl) {
			ast.Inspect(fn, func(n ast.Node) bool {
				if g, ok := n.(*ast.GoStmt); ok && !waited.MatchString(fn.Name.Name) {
					out = append(out, f.at("goroutine", g.Pos(), "%s starts a goroutine; that belongs in a Run or Serve that is waited for", fn.Name.Name))
				}
				return true
			})
		})
	}
	return out
}

// inits forbids init functions: what happens is called by somebody.
func inits(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		f.functions(func(fn *ast.FuncDecl) {
			if fn.Name.Name == "init" && fn.Recv == nil {
				out = append(out, f.at("init", fn.Pos(), "no init functions"))
			}
		})
	}
	return out
}

// swallowed forbids _ = f(): an error is handled or returned. A test may close
// something that is perhaps closed already.
func swallowed(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			a, ok := n.(*ast.AssignStmt)
			if !ok || a.Tok != token.ASSIGN || len(a.Rhs) != 1 {
				return true
			}
			called, call := a.Rhs[0].(*ast.CallExpr)
			if call && f.Test {
				s, ok := called.Fun.(*ast.SelectorExpr)
				call = !ok || s.Sel.Name != "Close"
			}
			blank := !slices.ContainsFunc(a.Lhs, func(e ast.Expr) bool { x, ok := e.(*ast.Ident); return !ok || x.Name != "_" })
			if call && blank {
				out = append(out, f.at("swallowed", a.Pos(), "a result is thrown away; handle the error"))
			}
			return true
		})
	}
	return out
}

// skips forbids tests that skip themselves.
func skips(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		ast.Inspect(f.AST, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if s, ok := call.Fun.(*ast.SelectorExpr); ok && (s.Sel.Name == "Skip" || s.Sel.Name == "Skipf" || s.Sel.Name == "SkipNow") {
				if x, ok := s.X.(*ast.Ident); ok && (x.Name == "t" || x.Name == "b" || x.Name == "tb") {
					out = append(out, f.at("skip", call.Pos(), "a test does not skip itself"))
				}
			}
			return true
		})
	}
	return out
}

// unfinished are words of work that was left for later.
var unfinished = regexp.MustCompile(`\b(TODO|FIXME|XXX|HACK)\b|(?i)\b(for now|not implemented|stub|placeholder)\b`)

// words forbids unfinished work in comments.
func words(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		for _, group := range f.AST.Comments {
			for _, c := range group.List {
				text := c.Text
				if at := strings.Index(text, "// want "); at >= 0 {
					text = text[:at] // an expectation in testdata
				}
				if m := unfinished.FindString(text); m != "" {
					out = append(out, f.at("words", c.Pos(), "%q: finish it, or write down why it is not there", m))
				}
			}
		}
	}
	return out
}
