package layers

import (
	"go/ast"
	"go/token"
	"slices"
	"strings"
)

// mayImport says for each top-level folder which of our folders it may import.
// A folder that is not here may import nothing of ours.
var mayImport = map[string][]string{
	"log":         {"log"},
	"partition":   {"log", "partition"},
	"coordinator": {"log/record", "log/compress", "coordinator"},
	"client":      {"client"},
	"replication": {"log", "partition", "coordinator", "client/wire", "replication"},
	"broker":      {"log", "partition", "coordinator", "client/wire", "replication", "broker"},
	"cmd":         {"log", "partition", "coordinator", "client", "replication", "broker"},
	"tools":       {"log", "partition", "coordinator", "client", "replication", "broker", "tools"},
}

// testsMayImport is what test files may import besides.
var testsMayImport = []string{"broker", "client", "tools"}

// direction holds the order of the layers.
func direction(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		top, _, _ := strings.Cut(f.Package, "/")
		allowed := mayImport[top]
		if f.Test {
			allowed = append(slices.Clone(allowed), testsMayImport...)
		}
		f.imports(func(path string, pos token.Pos) {
			ours, ok := strings.CutPrefix(path, Module+"/")
			if ok && !slices.ContainsFunc(allowed, func(folder string) bool { return within(ours, folder) }) {
				out = append(out, f.at("direction", pos, "%s must not import %s", f.Package, ours))
			}
		})
	}
	return out
}

// pure are the packages, or single files, without clock, goroutine, disk or
// socket, with the imports that each is allowed all the same.
var pure = map[string][]string{
	"log/record":              nil,
	"log/compress":            {"sync"}, // pools of encoders and decoders
	"log/producer":            nil,
	"log/epoch":               nil,
	"log/compact/plan.go":     nil,
	"partition/topic":         nil,
	"partition/isr":           nil,
	"replication/znode":       nil,
	"replication/image":       nil,
	"replication/plan":        {Module + "/replication/tree"}, // the words for what it wants written
	"coordinator/group":       nil,
	"coordinator/group/entry": nil,
	"coordinator/deadline":    nil,
}

// impure are the standard packages that do something to the world.
var impure = []string{"os", "net", "sync", "context", "log/slog", "math/rand", "crypto/rand", "syscall", "unsafe", "io/ioutil", "runtime"}

// clocks are what reads or waits for the time.
var clocks = []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}

// purity holds what pure packages must not import, call or start.
func purity(t *Tree) []Finding {
	var out []Finding
	for _, f := range t.Files {
		also, ok := pure[f.Package]
		if only, single := pure[f.Name]; single {
			also, ok = only, true
		}
		if !ok || f.Test {
			continue
		}
		f.imports(func(path string, pos token.Pos) {
			bad := slices.ContainsFunc(impure, func(p string) bool { return within(path, p) })
			if ours, is := strings.CutPrefix(path, Module+"/"); is {
				_, bad = pure[ours]
				bad = !bad
			}
			if bad && !slices.Contains(also, path) {
				out = append(out, f.at("purity", pos, "%s is pure and must not import %s", f.Package, path))
			}
		})
		ast.Inspect(f.AST, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				out = append(out, f.at("purity", n.Pos(), "%s is pure and must not start goroutines", f.Package))
			case *ast.SelectorExpr:
				if name := f.selects(n, "time"); slices.Contains(clocks, name) {
					out = append(out, f.at("purity", n.Pos(), "%s is pure and must not use time.%s", f.Package, name))
				}
			}
			return true
		})
	}
	return out
}
