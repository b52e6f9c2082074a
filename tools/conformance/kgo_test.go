//go:build conformance

package conformance

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/tools/spawn"
)

// kgo is the suite: franz-go's own tests at the version of go.mod.
const kgo = "github.com/twmb/franz-go/pkg/kgo"

// reasons for which a test of kgo does not apply.
const (
	noTransactions = "transactions are not there yet"
	noShare        = "share groups (KIP-932) are not there yet"
	no848          = "the new group protocol (KIP-848) is not there yet"
	noSASL         = "SASL is not there yet"
	servesOld      = "is about brokers that refuse old versions of Produce; leat serves them all"
)

// notRun are the tests that leat cannot pass yet.
var notRun = map[string]string{
	"TestTxnEtl": noTransactions,
}

// skipThemselves are the tests that ask the broker and do not apply by its
// answer. A test that skips itself and is not here is a failure: it may be that
// leat has stopped to advertise something.
var skipThemselves = map[string]string{
	"TestShareGroup":                           noShare,
	"TestShareGroupETL":                        noShare,
	"TestShareGroupAckOnClose":                 noShare,
	"TestShareGroupOffsetsAdmin":               noShare,
	"TestConsumeRegexShareSkipsInternal":       noShare,
	"Test848RegexBrokerResolves":               no848,
	"TestGroupETL/range/848":                   no848,
	"TestGroupETL/sticky/848":                  no848,
	"TestGroupETL/sticky/848/static":           no848,
	"TestGroupSimple/848":                      no848,
	"TestSCRAMAuth":                            noSASL,
	"TestSCRAMAuthBadCredentials":              noSASL,
	"TestIssueProduceBrokerTooOldFailsRecords": servesOld,
}

// records is how many records the suite's larger tests write to one broker, and
// to a cluster, where each is written three times.
var records = map[string]string{"1": "50000", "3": "20000"}

func TestKgo(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
	defer cancel()
	dir := t.TempDir()
	bin, err := spawn.Build(ctx, dir)
	require.NoError(t, err)
	broker, err := spawn.Start(ctx, spawn.Options{Bin: bin, DataDir: filepath.Join(dir, "data")})
	require.NoError(t, err)
	runKgo(ctx, t, broker.Addr, "1")
	require.NoError(t, broker.Stop(ctx))
}

// TestKgoCluster runs the whole suite against three brokers; all its topics have
// three replicas.
func TestKgoCluster(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 25*time.Minute)
	defer cancel()
	c := startCluster(ctx, t)
	runKgo(ctx, t, c.seeds(), "3")
	c.stop(ctx, t)
}

// runKgo runs the suite; every test must pass, or be known not to apply.
func runKgo(ctx context.Context, t *testing.T, seeds, replication string) {
	t.Helper()
	n := records[replication]
	if given := os.Getenv("KGO_TEST_RECORDS"); given != "" {
		n = given
	}
	var skip []string
	for name := range notRun {
		skip = append(skip, name)
	}
	outcomes, err := Run(ctx, kgo, []string{
		"KGO_SEEDS=" + seeds, "KGO_TEST_RF=" + replication, "KGO_TEST_RECORDS=" + n, "KGO_LOG_LEVEL=none",
	}, skip)
	require.NoError(t, err)

	passed := 0
	for _, o := range outcomes {
		switch reason, known := skipThemselves[o.Name]; {
		case o.Action == "pass":
			passed++
		case o.Action == "fail":
			t.Errorf("%s failed after %v:\n%s", o.Name, o.Took, tail(o.Output))
		case known:
			t.Logf("%s does not apply: %s", o.Name, reason)
		default:
			t.Errorf("%s skipped itself, which is new:\n%s", o.Name, tail(o.Output))
		}
	}
	for name, reason := range notRun {
		t.Logf("%s is not run: %s", name, reason)
	}
	t.Logf("%d tests and subtests passed", passed)
	require.Greater(t, passed, 100, "the suite was not run")
}

// tail is the end of a test's output.
func tail(s string) string {
	const keep = 4000
	if len(s) > keep {
		return "…" + s[len(s)-keep:]
	}
	return s
}

func TestThePageNamesWhatDoesNotApply(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "conformance.md"))
	require.NoError(t, err)
	for _, table := range []map[string]string{notRun, skipThemselves} {
		for name, reason := range table {
			require.True(t, strings.Contains(string(page), "| `"+name+"` | "+reason+" |\n"),
				"docs/conformance.md does not say that %s does not apply: %s", name, reason)
		}
	}
}
