package main

import (
	"context"
	"net/http"
	"os"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/leatmq/leat/tools/spawn"
	"github.com/leatmq/leat/tools/zookeeper"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"leat": func() { os.Exit(run(os.Args[1:])) }})
}

// TestScripts runs testdata/script: each is one session of a user at a shell,
// with a free address for a broker in LEAT_BOOTSTRAP and for its admin port in
// ADMIN. The command `ready` waits until that broker serves; `zookeeper` starts a
// ZooKeeper for the script, whose address is in ZOOKEEPER then.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			for _, name := range []string{"LEAT_BOOTSTRAP", "ADMIN"} {
				addr, err := spawn.FreeAddr()
				if err != nil {
					return err
				}
				env.Setenv(name, addr)
			}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"ready": ready, "zookeeper": startZooKeeper},
	})
}

// startZooKeeper runs a server until the script ends.
func startZooKeeper(ts *testscript.TestScript, _ bool, _ []string) {
	ctx, cancel := context.WithTimeout(context.Background(), 90*time.Second)
	defer cancel()
	e, err := zookeeper.Run(ctx, zookeeper.Options{})
	ts.Check(err)
	ts.Defer(func() { ts.Check(e.Close()) })
	ts.Setenv("ZOOKEEPER", e.Connect())
}

// ready waits until /readyz says so.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	deadline := time.After(time.Minute)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if answer, err := http.Get("http://" + ts.Getenv("ADMIN") + "/readyz"); err == nil {
			ts.Check(answer.Body.Close())
			if answer.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-deadline:
			ts.Fatalf("the broker was not ready in time")
		case <-tick.C:
		}
	}
}
