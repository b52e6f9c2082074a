package nodes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// disk is a broker's own file system: ext4 in a file, mounted by a loop device.
type disk struct {
	image, path string
}

// mountName is the directory's name of a mount, by which leftovers are found.
func mountName(slot int, node string) string { return fmt.Sprintf("leat-chaos-%d-disk-%s", slot, node) }

func newDisk(dir, name string, bytes int64) (*disk, error) {
	d := &disk{image: filepath.Join(dir, name+".img"), path: filepath.Join(dir, name)}
	if err := os.MkdirAll(d.path, 0o755); err != nil {
		return nil, fmt.Errorf("nodes: %w", err)
	}
	f, err := os.Create(d.image)
	if err == nil {
		err = errors.Join(f.Truncate(bytes), f.Close())
	}
	if err != nil {
		return nil, fmt.Errorf("nodes: %w", err)
	}
	if err := run("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", d.image); err != nil {
		return nil, err
	}
	return d, d.mount()
}

func (d *disk) mount() error { return run("mount", "-o", "loop,noatime", d.image, d.path) }

func (d *disk) mounted() bool {
	var at, above unix.Stat_t
	return unix.Stat(d.path, &at) == nil && unix.Stat(filepath.Dir(d.path), &above) == nil && at.Dev != above.Dev
}

func (d *disk) unmount() error {
	if !d.mounted() {
		return nil
	}
	return run("umount", d.path)
}

// data is the broker's data directory on it.
func (d *disk) data() string { return filepath.Join(d.path, "data") }

func (d *disk) ballast() string { return filepath.Join(d.path, "ballast") }

// fill leaves free bytes, and no more.
func (d *disk) fill(free uint64) error {
	var s unix.Statfs_t
	if err := unix.Statfs(d.path, &s); err != nil {
		return fmt.Errorf("nodes: fill %s: %w", d.path, err)
	}
	left := s.Bavail * uint64(s.Bsize)
	if left <= free {
		return nil
	}
	f, err := os.Create(d.ballast())
	if err != nil {
		return fmt.Errorf("nodes: fill %s: %w", d.path, err)
	}
	return errors.Join(unix.Fallocate(int(f.Fd()), 0, 0, int64(left-free)), f.Close())
}

func (d *disk) empty() error {
	if err := os.Remove(d.ballast()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("nodes: %w", err)
	}
	return nil
}

// How a file system is stopped: EXT4_IOC_SHUTDOWN and its flags.
const (
	shutdown     = 0x8004587d
	flushFirst   = 0 // what was written reaches the disk; all that comes fails
	loseUnsynced = 2 // what was not synced is gone, as when the power fails
)

// stop makes every operation on the disk fail with EIO until it is mounted anew.
func (d *disk) stop(how int) error {
	f, err := os.Open(d.path)
	if err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	return errors.Join(unix.IoctlSetPointerInt(int(f.Fd()), shutdown, how), f.Close())
}
