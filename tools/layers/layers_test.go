package layers

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTreeKeepsTheRules(t *testing.T) {
	tree, err := Load(os.DirFS("../.."))
	require.NoError(t, err)
	require.Greater(t, len(tree.Files), 50, "the tree was not found")
	for _, f := range Check(tree, Rules, Exceptions) {
		t.Error(f)
	}
}

// expected reads what the comments of the planted files say: "// want rule"
// on the line of a violation, several rules separated by white space.
func expected(tree *Tree) []string {
	var all []string
	want := regexp.MustCompile(`// want (.*)$`)
	for _, f := range tree.Files {
		for _, group := range f.AST.Comments {
			for _, c := range group.List {
				if m := want.FindStringSubmatch(c.Text); m != nil {
					for _, rule := range strings.Fields(m[1]) {
						all = append(all, fmt.Sprintf("%s:%d %s", f.Name, f.Set.Position(c.Pos()).Line, rule))
					}
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

func TestEachRuleSeesItsPlantedViolations(t *testing.T) {
	tree, err := Load(os.DirFS("testdata/planted"))
	require.NoError(t, err)
	var got []string
	seen := map[string]bool{}
	for _, f := range Check(tree, Rules, nil) {
		got = append(got, fmt.Sprintf("%s:%d %s", f.File, f.Line, f.Rule))
		seen[f.Rule] = true
	}
	slices.Sort(got)
	require.Equal(t, expected(tree), got)
	for rule := range Rules {
		require.True(t, seen[rule], "no violation of %s is planted", rule)
	}
}

func TestExceptionsCoverAndGoStale(t *testing.T) {
	tree, err := Load(os.DirFS("testdata/planted"))
	require.NoError(t, err)
	rules := map[string]Rule{"std-log": stdLog}
	require.Len(t, Check(tree, rules, nil), 1)
	require.Empty(t, Check(tree, rules, []Exception{{Rule: "std-log", Where: "partition", Why: "a test"}}))
	left := Check(tree, rules, []Exception{{Rule: "std-log", Where: "partition"}, {Rule: "init", Where: "nowhere"}})
	require.Len(t, left, 1)
	require.Contains(t, left[0].String(), "no longer needed")
}

func TestExceptionsHaveReasons(t *testing.T) {
	for _, e := range Exceptions {
		require.NotEmpty(t, e.Why, e.Where)
		require.Contains(t, Rules, e.Rule)
	}
}
