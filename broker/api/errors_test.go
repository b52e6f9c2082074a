package api

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/partition"
)

// internal are errors that never reach a client, each with the reason.
var internal = map[string]string{
	"checkpoint.ErrCorrupt":             "a file at start: the broker recovers or does not start",
	"epoch.ErrOrder":                    "a file at start: the epochs are rebuilt",
	"index.ErrCorrupt":                  "an index file: it is rebuilt",
	"index.ErrNotLoaded":                "the index is loaded and asked again",
	"segment.ErrRetired":                "the log looks for the segment again",
	"log.ErrChanged":                    "the cleaner begins anew",
	"producer.ErrCorruptSnapshot":       "a file at start: the next older one is used",
	"tree.ErrNoNode":                    "the controller makes its own errors of the tree's",
	"tree.ErrNodeExists":                "likewise",
	"tree.ErrBadVersion":                "likewise",
	"tree.ErrNotEmpty":                  "likewise",
	"tree.ErrNoChildren":                "likewise",
	"tree.ErrBadPath":                   "likewise",
	"tree.ErrRolledBack":                "likewise",
	"tree.ErrCorrupt":                   "a file at start: the broker does not start",
	"tree.ErrLocked":                    "at start: the broker does not start",
	"entry.ErrCorrupt":                  "a record of the internal topic is reported and passed over",
	"entry.ErrUnknownVersion":           "likewise",
	"znode.ErrMalformed":                "a node is reported and passed over",
	"controller.ErrInconsistentCluster": "at start: the broker does not start",
	"member.ErrInconsistentCluster":     "at start: the broker does not start",
	"member.ErrRegistered":              "likewise",
	"member.ErrEndpointTaken":           "likewise",
	"partition.ErrNotAtEnd":             "the follower fetches again",
	"channel.ErrReset":                  "the controller makes its own error of it",
	"tree.ErrNoAuth":                    "the tree refuses a broker: the part that asked fails",
	"api.ErrMalformed":                  "the connection is closed",
	"api.ErrTooMany":                    "the connection is closed",
}

// offline are folders of which no broker serves anything.
var offline = []string{"crashfs", "dump", "verify", "testdata", "transfer"}

// Every error that the packages below can return has its code, or a reason not
// to have one.
func TestEveryErrorHasACode(t *testing.T) {
	mapped := make(map[string]bool)
	file, err := parser.ParseFile(token.NewFileSet(), "errors.go", nil, 0)
	require.NoError(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			mapped[fmt.Sprintf("%s.%s", s.X, s.Sel.Name)] = true
		}
		return true
	})
	seen := 0
	for _, folder := range []string{"../../log", "../../partition", "../../replication", "../../coordinator", "../session", "../config", "."} {
		for _, name := range exportedErrors(t, folder) {
			seen++
			if !mapped[name] && internal[name] == "" {
				t.Errorf("%s has no line in errors.go", name)
			}
		}
	}
	require.Greater(t, seen, 50, "the packages were not found")
}

// exportedErrors lists the package-level variables Err… below a folder.
func exportedErrors(t *testing.T, folder string) (names []string) {
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains(offline, d.Name()):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, source, 0)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			names = append(names, errorsOf(file.Name.Name, decl)...)
		}
		return nil
	})
	require.NoError(t, err)
	return names
}

func errorsOf(pkg string, decl ast.Decl) (names []string) {
	d, ok := decl.(*ast.GenDecl)
	if !ok || d.Tok != token.VAR {
		return nil
	}
	for _, spec := range d.Specs {
		for _, name := range spec.(*ast.ValueSpec).Names {
			if strings.HasPrefix(name.Name, "Err") {
				names = append(names, pkg+"."+name.Name)
			}
		}
	}
	return names
}

func TestCodeOf(t *testing.T) {
	require.Zero(t, codeOf(nil))
	require.EqualValues(t, -1, codeOf(errors.New("nobody knows")))
	require.Equal(t, kerr.KafkaStorageError.Code, codeOf(fmt.Errorf("append: %w", &log.IOError{Err: errors.New("disk")})))
	require.Equal(t, kerr.InvalidRecord.Code, codeOf(&record.Error{Kind: record.ErrInvalidRecord}))
	require.Equal(t, kerr.FencedLeaderEpoch.Code, codeOf(fmt.Errorf("x-0: %w", partition.ErrFencedEpoch)))
}
