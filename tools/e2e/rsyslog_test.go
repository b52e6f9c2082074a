package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// rsyslogConf reads a file and sends every line, as it is, to a topic.
const rsyslogConf = `
global(workDirectory="%[1]s" maxMessageSize="64k")
module(load="imfile")
module(load="omkafka")
template(name="line" type="string" string="%%msg%%")
input(type="imfile" file="%[2]s" tag="e2e" ruleset="ship")
ruleset(name="ship") {
  action(type="omkafka" broker=["%[3]s"] topic="%[4]s" template="line" partitions.auto="on"
         confParam=["compression.codec=%[5]s", "acks=all"]
         resubmitOnFailure="on" keepFailedMessages="on" failedMsgFile="%[1]s/failed"
         action.resumeRetryCount="-1")
}
`

func TestRsyslogShipsEveryLineOnce(t *testing.T) {
	for _, codec := range []string{"none", "zstd"} {
		t.Run(codec, func(t *testing.T) {
			b := startBroker(t)
			want := lines(t, 50_000)
			dir := t.TempDir()
			file := filepath.Join(dir, "access.log")
			require.NoError(t, os.WriteFile(file, want, 0o644))
			createTopic(t, b, "logs", 3)
			runRsyslog(t, dir, fmt.Sprintf(rsyslogConf, dir, file, b.Addr, "logs", codec))
			var got []byte
			require.Eventually(t, func() bool {
				got = command(t, nil, "kcat", "-q", "-C", "-b", b.Addr, "-t", "logs", "-o", "beginning", "-e", "-f", `%p\t%s\n`)
				return bytes.Count(got, []byte("\n")) >= bytes.Count(want, []byte("\n"))
			}, time.Minute, 200*time.Millisecond)
			checkPerPartition(t, want, got)
		})
	}
}

// runRsyslog runs rsyslogd until the test ends.
func runRsyslog(t *testing.T, dir, conf string) {
	t.Helper()
	path := filepath.Join(dir, "rsyslog.conf")
	require.NoError(t, os.WriteFile(path, []byte(conf), 0o644))
	name, err := exec.LookPath("rsyslogd")
	if err != nil {
		name = "/usr/sbin/rsyslogd"
	}
	command(t, nil, name, "-N1", "-f", path)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, name, "-n", "-f", path, "-i", filepath.Join(dir, "pid"))
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cancel()
		err := cmd.Wait()
		if t.Failed() {
			t.Logf("rsyslogd: %v\n%s", err, out.String())
		}
	})
}
