package spawn

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a child process that can be started again when it has ended. The
// zero value has none yet. Its methods may be called concurrently. The child
// dies with the program that started it.
type Process struct {
	mu   sync.Mutex
	cmd  *exec.Cmd     // of the latest start; nil: none yet
	done chan struct{} // closed when that has ended
	err  error         // how it ended; read after done
}

// never is the end of a process that was not started.
var never = make(chan struct{})

// Start starts cmd, unless a process lives: then it does nothing and started is
// false. output, unless it is nil, is closed when the process has ended.
func (p *Process) Start(cmd *exec.Cmd, output io.Closer) (started bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alive() {
		return false, closed(output)
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return false, errors.Join(err, closed(output))
	}
	done := make(chan struct{})
	p.cmd, p.done, p.err = cmd, done, nil
	p.wait(cmd, output, done)
	return true, nil
}

// wait waits for the process in the background; Kill and Stop wait for that.
func (p *Process) wait(cmd *exec.Cmd, output io.Closer, done chan struct{}) {
	go func() {
		err := errors.Join(cmd.Wait(), closed(output))
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
		close(done)
	}()
}

func closed(c io.Closer) error {
	if c == nil {
		return nil
	}
	return c.Close()
}

// alive is Alive under the lock.
func (p *Process) alive() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.done:
		return false
	default:
		return true
	}
}

// Alive tells whether the process lives.
func (p *Process) Alive() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.alive()
}

// Pid is the process id of the latest start, 0 before the first.
func (p *Process) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// Done is closed when the process of the latest start has ended.
func (p *Process) Done() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return never
	}
	return p.done
}

// Err is how the process of the latest start ended; nil while it lives, and when
// it ended well.
func (p *Process) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// Signal sends one. A process that has ended is no error, one that was never
// started is os.ErrProcessDone.
func (p *Process) Signal(s os.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return os.ErrProcessDone
	}
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// Pause freezes the process (SIGSTOP): its connections stay open and it answers
// nothing. It returns when all of its threads have stopped, or have ended.
func (p *Process) Pause() error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	for {
		err := unix.Waitid(unix.P_PID, p.Pid(), nil, unix.WSTOPPED|unix.WEXITED|unix.WNOWAIT, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ECHILD): // it had ended
			return nil
		default:
			return err
		}
	}
}

// Resume ends Pause.
func (p *Process) Resume() error { return p.Signal(syscall.SIGCONT) }

// Kill ends the process as a crash does and waits for it. Killing none is no
// error.
func (p *Process) Kill() error {
	err := p.Signal(syscall.SIGKILL)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	<-p.Done()
	return err
}

// ErrSlow says that a process did not end in time and was killed.
var ErrSlow = errors.New("spawn: the process did not end in time after SIGTERM")

// Stop ends the process by SIGTERM and returns how it ended; if it does not end
// in time it is killed, which is ErrSlow. Stopping none is no error.
func (p *Process) Stop(limit time.Duration) error {
	err := p.Signal(syscall.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	select {
	case <-p.Done():
		return errors.Join(err, p.Err())
	case <-deadline.C:
		return errors.Join(err, ErrSlow, p.Kill())
	}
}
