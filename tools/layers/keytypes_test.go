package layers

import (
	"go/ast"
	"go/token"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/broker/config"
)

// readers are the methods by which the broker reads a key, and the types of keys
// that each takes; with another one it panics, when the key is first read.
var readers = map[string][]config.Type{
	"String":    {config.String, config.Class, config.Password},
	"Bool":      {config.Boolean},
	"Int":       {config.Int, config.Short},
	"Int64":     {config.Int, config.Short, config.Long},
	"Float":     {config.Double},
	"List":      {config.List, config.String},
	"Duration":  {config.Int, config.Short, config.Long},
	"Overrides": {config.String},
}

// Every key is read as what it is. The cleaner's were not, and ended the broker
// when the first log was compacted.
func TestKeysAreReadByTheirType(t *testing.T) {
	types := map[string]config.Type{}
	for _, k := range config.Keys() {
		types[k.Name] = k.Type
	}
	tree, err := Load(os.DirFS("../.."))
	require.NoError(t, err)
	seen := 0
	for _, f := range tree.Files {
		if f.Test || !within(f.Package, "broker") || within(f.Package, "broker/config") {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			name, key := keyRead(n)
			if typ, ok := types[key]; ok && readers[name] != nil {
				seen++
				require.True(t, slices.Contains(readers[name], typ), "%s: %s is a %s and is read by %s", f.Name, key, typ, name)
			}
			return true
		})
	}
	require.Greater(t, seen, 50)
}

// keyRead gives the method and the only argument of a call such as s.Int("key").
func keyRead(n ast.Node) (method, key string) {
	call, ok := n.(*ast.CallExpr)
	if !ok || len(call.Args) != 1 {
		return "", ""
	}
	fun, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	lit, ok := call.Args[0].(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", ""
	}
	key, err := strconv.Unquote(lit.Value)
	if err != nil {
		return "", ""
	}
	return fun.Sel.Name, key
}
