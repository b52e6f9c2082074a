package load

import (
	"bufio"
	"context"
	_ "embed" // the worker
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/leatmq/leat/tools/chaos/history"
)

// worker is a client on librdkafka: it reads its task from the first line of its
// input, writes events of a history as lines, and ends when its input does.
//
//go:embed librdkafka.py
var worker string

// task is what a worker is told.
type task struct {
	Mode      string  `json:"mode"` // "send" or "member"
	Process   int32   `json:"process"`
	Base      int64   `json:"base"` // of the clock, ns
	Bootstrap string  `json:"bootstrap"`
	Keys      [][]any `json:"keys"` // topic, partition
	Rate      float64 `json:"rate"` // records a second
	Window    int     `json:"window"`
	Group     string  `json:"group"`
}

// python is one life of a worker. It is told to end, or killed.
func (l *Load) python(ctx context.Context, mode string) error {
	c := history.Client{Library: "librdkafka", Version: l.o.Librdkafka}
	if mode == "send" {
		c.Acks, c.Idempotent = "all", true
	} else {
		c.Group = groupRd
	}
	t := task{Mode: mode, Process: l.begin(c), Base: l.o.History.Base(), Bootstrap: strings.Join(l.o.Bootstrap, ","),
		Rate: float64(l.o.Rate) / 4, Window: perLaunch, Group: groupRd}
	for _, k := range l.o.Keys {
		t.Keys = append(t.Keys, []any{k.Topic, k.Partition})
	}
	cmd := exec.Command(l.o.Python, "-c", worker)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var complaints strings.Builder
	cmd.Stderr = &complaints
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := json.NewEncoder(in).Encode(t); err != nil {
		return fmt.Errorf("%w\n%s", err, complaints.String())
	}
	w := &subprocess{cmd: cmd, in: in, crash: l.random(2) == 0, ended: make(chan struct{})}
	stop := context.AfterFunc(ctx, func() {
		if err := w.end(l.o.Patience); err != nil {
			l.note(t.Process, err.Error())
		}
	})
	defer stop()
	if err = l.listen(out); err != nil {
		err = errors.Join(err, w.signal(syscall.SIGKILL))
	}
	werr := cmd.Wait()
	close(w.ended)
	if w.stuck.Load() {
		l.note(t.Process, fmt.Sprintf("librdkafka: the worker does not end and is aborted\n%s", complaints.String()))
	}
	if werr != nil && ctx.Err() == nil {
		return fmt.Errorf("the worker ended: %w\n%s", werr, complaints.String())
	}
	return err
}

// subprocess is a worker that runs.
type subprocess struct {
	cmd   *exec.Cmd
	in    io.Closer
	crash bool          // it is to be killed, not told
	ended chan struct{} // closed when it has ended
	stuck atomic.Bool   // it was told to end, and did not
}

// end tells the worker to end. One that has not when patience is over is aborted,
// which makes it say where it was.
func (w *subprocess) end(patience time.Duration) error {
	if err := w.in.Close(); err != nil || w.crash {
		return w.signal(syscall.SIGKILL)
	}
	select {
	case <-w.ended:
		return nil
	case <-time.After(patience):
		w.stuck.Store(true)
		return w.signal(syscall.SIGABRT)
	}
}

// signal sends a signal, if the worker has not ended by itself meanwhile.
func (w *subprocess) signal(s os.Signal) error {
	if err := w.cmd.Process.Signal(s); !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// listen takes down what a worker says until it has no more to say.
func (l *Load) listen(out io.Reader) error {
	lines := bufio.NewReaderSize(out, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil // a killed worker leaves half a line
		}
		if err != nil {
			return err
		}
		var e history.Event
		if err := json.Unmarshal(line, &e); err != nil {
			return fmt.Errorf("a worker's line: %w: %.200s", err, line)
		}
		if e.Op == history.Send && e.Type == history.OK {
			l.acked.Add(1)
		}
		l.o.History.Add(e)
	}
}

func nodeName(broker, epoch int32) string { return fmt.Sprintf("b%d (epoch %d)", broker, epoch) }
