package zookeeper

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// patience bounds the wait for servers to come up, on a busy machine.
const patience = 90 * time.Second

// Start runs one server for a test.
func Start(t testing.TB) *Server {
	t.Helper()
	return StartEnsemble(t, 1).Servers[0]
}

// StartEnsemble runs n servers for a test.
func StartEnsemble(t testing.TB, n int) *Ensemble {
	t.Helper()
	return StartWith(t, Options{Servers: n})
}

// StartWith runs what o says for a test.
func StartWith(t testing.TB, o Options) *Ensemble {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	e, err := Run(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// shared is the server of the whole test binary.
var shared struct {
	mu      sync.Mutex
	inMain  bool
	server  *Ensemble
	chroots atomic.Int64
}

// Main runs a package's tests with one server that Shared starts when a test
// first asks for it, and ends it after the last. Call it from TestMain; it
// returns the code to exit with.
func Main(m *testing.M) int {
	shared.mu.Lock()
	shared.inMain = true
	shared.mu.Unlock()
	code := m.Run()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server != nil {
		if err := shared.server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

// Shared returns the server that all tests of the package use, and a chroot of
// this test's own. It must not be killed. The package's TestMain must call Main.
func Shared(t testing.TB) (*Server, string) {
	t.Helper()
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if !shared.inMain {
		t.Fatal("zookeeper: TestMain does not call zookeeper.Main")
	}
	if shared.server == nil {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		e, err := Run(ctx, Options{})
		if err != nil {
			t.Fatal(err)
		}
		shared.server = e
	}
	return shared.server.Servers[0], fmt.Sprintf("/test-%d", shared.chroots.Add(1))
}
