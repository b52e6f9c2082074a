package nodes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// slot is one of the places on this machine where a cluster can run. It is held
// as long as its lock file is locked: a killed run holds nothing.
type slot struct {
	number int
	lock   *os.File
}

const slots = 32

// takeSlot finds a free one and removes what was left there.
func takeSlot() (*slot, error) {
	for n := range slots {
		f, err := os.OpenFile(fmt.Sprintf("/run/leat-chaos-%d.lock", n), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("nodes: %w", err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			if err := f.Close(); err != nil {
				return nil, fmt.Errorf("nodes: %w", err)
			}
			continue
		}
		s := &slot{number: n, lock: f}
		if err := s.clean(); err != nil {
			return nil, errors.Join(err, s.release())
		}
		return s, nil
	}
	return nil, fmt.Errorf("nodes: all %d places for clusters on this machine are taken (/run/leat-chaos-*.lock)", slots)
}

// release gives the slot back. The file stays: removing it would let two hold it.
func (s *slot) release() error { return s.lock.Close() }

// clean removes mounts, namespaces, and the bridge of a run that was killed. Its
// processes have died with it.
func (s *slot) clean() error {
	var errs []error
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	mark := fmt.Sprintf("/%s", mountName(s.number, ""))
	for line := range strings.Lines(string(mounts)) {
		if f := strings.Fields(line); len(f) > 1 && strings.Contains(f[1], mark) {
			errs = append(errs, run("umount", "--lazy", f[1]))
		}
	}
	names, err := filepath.Glob(fmt.Sprintf("/run/netns/leat-chaos-%d-*", s.number))
	if err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	for _, n := range names {
		errs = append(errs, run("ip", "netns", "del", filepath.Base(n)))
	}
	links, err := filepath.Glob(fmt.Sprintf("/sys/class/net/lc%d-*", s.number))
	if err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	for _, l := range append(links, fmt.Sprintf("/sys/class/net/lc%d", s.number)) {
		errs = append(errs, deleteLink(filepath.Base(l)))
	}
	return errors.Join(errs...)
}
