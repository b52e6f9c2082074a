//go:build chaos

package nodes_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/tools/chaos/nodes"
)

// TestMain runs the tests, or, when asked by the environment, a stand-in for a
// broker: it takes lines such as "dial HOST:PORT", "write BYTES", and says "ok"
// or what went wrong.
func TestMain(m *testing.M) {
	if os.Getenv("LEAT_CHAOS_STAND_IN") == "" {
		os.Exit(m.Run())
	}
	listen, data := "", ""
	set := flag.NewFlagSet("stand-in", flag.ContinueOnError)
	set.StringVar(&listen, "listen", "", "")
	set.StringVar(&data, "data-dir", "", "")
	for _, name := range []string{"admin-listen", "broker-id", "zookeeper", "set"} {
		set.String(name, "", "")
	}
	err := errors.Join(set.Parse(os.Args[1:]), os.MkdirAll(data, 0o755))
	if err == nil {
		err = standIn(listen, data)
	}
	fmt.Println(err)
	os.Exit(1)
}

func standIn(listen, data string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			in := bufio.NewScanner(c)
			for in.Scan() {
				said := "ok"
				if err := do(strings.Fields(in.Text()), data); err != nil {
					said = err.Error()
				}
				fmt.Fprintln(c, said)
			}
		}()
	}
}

func do(words []string, data string) error {
	if words[0] == "dial" {
		c, err := net.DialTimeout("tcp", words[1], 500*time.Millisecond)
		if err != nil {
			return err
		}
		return c.Close()
	}
	n := 0
	if _, err := fmt.Sscan(words[1], &n); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(data, words[0]), make([]byte, n), 0o644)
}

// cluster starts stand-ins, unless this machine cannot; then it says so clearly.
func cluster(t *testing.T, brokers int) *nodes.Cluster {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	c, err := nodes.Start(ctx, nodes.Options{Command: []string{os.Args[0]}, Dir: t.TempDir(), Brokers: brokers, DiskBytes: 32 << 20,
		Env: []string{"LEAT_CHAOS_STAND_IN=1"}})
	if errors.Is(err, nodes.ErrUnable) {
		require.Regexp(t, "root|missing|netns", err)
		return nil
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// ask sends a line to a broker.
func ask(b *nodes.Broker, line string, args ...any) error {
	c, err := net.DialTimeout("tcp", b.Addr(), 500*time.Millisecond)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(3 * time.Second)); err != nil {
		return err
	}
	fmt.Fprintf(c, line+"\n", args...)
	said, err := bufio.NewReader(c).ReadString('\n')
	if err == nil && said != "ok\n" {
		err = errors.New(strings.TrimSpace(said))
	}
	return err
}

func TestLinksAreCutAndMended(t *testing.T) {
	c := cluster(t, 3)
	if c == nil {
		return
	}
	a, b := c.Brokers[0], c.Brokers[1]
	reach := func(from, to *nodes.Broker) error { return ask(from, "dial %s", to.Addr()) }
	require.NoError(t, reach(a, b))

	require.NoError(t, a.Cut(b.Node))
	require.Error(t, reach(a, b))
	require.NoError(t, reach(a, c.Brokers[2]))
	require.NoError(t, ask(a, "write 1"), "its clients reach it")
	require.NoError(t, a.Mend(b.Node))
	require.NoError(t, reach(a, b))

	require.NoError(t, a.Isolate())
	require.Error(t, ask(a, "write 1"))
	require.Error(t, reach(b, a))
	require.NoError(t, a.Join())
	require.NoError(t, ask(a, "write 1"))
	require.NoError(t, reach(b, a))

	require.NoError(t, a.Slow(100*time.Millisecond, 0, 0))
	began := time.Now()
	require.NoError(t, reach(b, a))
	require.Greater(t, time.Since(began), 180*time.Millisecond)
	require.NoError(t, a.Faster())
	require.NoError(t, reach(b, a))
}

func TestDisksFillUpFailAndForget(t *testing.T) {
	c := cluster(t, 1)
	if c == nil {
		return
	}
	b := c.Brokers[0]
	ctx := t.Context()
	require.NoError(t, ask(b, "first 1000"))
	require.NoError(t, b.FillDisk(1<<20))
	require.ErrorContains(t, ask(b, "large 4000000"), "no space")
	require.NoError(t, b.EmptyDisk())
	require.NoError(t, ask(b, "large 4000000"))

	require.NoError(t, b.FailDisk())
	require.ErrorContains(t, ask(b, "second 1000"), "input/output error")
	require.NoError(t, b.RepairDisk())
	require.False(t, b.Alive())
	require.FileExists(t, filepath.Join(b.DataDir(), "first"))

	require.NoError(t, b.Start())
	require.NoError(t, b.Await(ctx))
	require.NoError(t, ask(b, "third 1000"))
	require.NoError(t, b.PowerOff())
	require.NoError(t, b.RepairDisk())
	require.FileExists(t, filepath.Join(b.DataDir(), "first"))
	require.NoFileExists(t, filepath.Join(b.DataDir(), "third"), "it was never synced")
	require.NoError(t, b.Start())
	require.NoError(t, b.Await(ctx))
}

func TestProcessesFreezeStopAndDie(t *testing.T) {
	c := cluster(t, 1)
	if c == nil {
		return
	}
	b := c.Brokers[0]
	require.NoError(t, b.Pause())
	require.Error(t, ask(b, "write 1"))
	require.NoError(t, b.Resume())
	require.NoError(t, ask(b, "write 1"))
	require.NoError(t, b.Stop(5*time.Second))
	require.False(t, b.Alive())
	require.NoError(t, b.Start())
	require.NoError(t, b.Await(t.Context()))
	require.NoError(t, b.Kill())
	require.NoError(t, b.Kill())
	require.False(t, b.Alive())
}
