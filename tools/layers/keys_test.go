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

// within which the configuration itself acts on a key.
var actedOnByConfig = []string{"listener.security.protocol.map", "leat.max.inflated.bytes"}

// The table of keys says which ones leat acts on. Here the code is asked.
func TestKeysThatAreSaidToHaveEffectAreRead(t *testing.T) {
	tree, err := Load(os.DirFS("../.."))
	require.NoError(t, err)
	read := map[string]bool{}
	for _, f := range tree.Files {
		if f.Test || within(f.Package, "broker/config") || within(f.Package, "tools") || within(f.Package, "client") {
			continue
		}
		ast.Inspect(f.AST, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if s, err := strconv.Unquote(lit.Value); err == nil {
					read[s] = true
				}
			}
			return true
		})
	}
	for _, k := range config.TopicKeys() {
		for _, broker := range k.Synonyms {
			read[broker] = read[broker] || k.Effect == "yes" // by Store.Topic
		}
	}
	for _, k := range config.Keys() {
		reads := read[k.Name] || slices.ContainsFunc(k.Synonyms, func(s string) bool { return read[s] }) ||
			slices.Contains(actedOnByConfig, k.Name)
		require.Equal(t, k.Effect == "yes", reads, "%s: keys.tsv says %q; is it read: %t", k.Name, k.Effect, reads)
	}
}
