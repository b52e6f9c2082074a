package vfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// TempSuffix ends the name of the file that WriteFileAtomic writes before it
// renames it. One left over by a crash is worthless and may be removed.
const TempSuffix = ".tmp"

// WriteFileAtomic replaces the file name with data so that after a crash at any
// instant the file holds either all of the old content or all of the new, and
// so that on return the new one is durable: write name.tmp, sync it, rename it,
// sync the directory. On error the old file is untouched, unless the error came
// from the last step, when either may be there after a power cut.
func WriteFileAtomic(fsys FS, name string, data []byte) error {
	tmp := name + TempSuffix
	if err := writeSynced(fsys, tmp, data); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := Place(fsys, name); err != nil {
		return err
	}
	if err := fsys.SyncDir(filepath.Dir(name)); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// Draft is the first half of WriteFileAtomic, without waiting for the disk: it
// writes name.tmp. When that is durable, Place makes it name.
func Draft(fsys FS, name string, data []byte) error {
	if err := write(fsys, name+TempSuffix, data, func(File) error { return nil }); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// Place gives what Draft wrote its name, which is durable when the directory is
// synced.
func Place(fsys FS, name string) error {
	if err := fsys.Rename(name+TempSuffix, name); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

func writeSynced(fsys FS, name string, data []byte) error { return write(fsys, name, data, File.Sync) }

func write(fsys FS, name string, data []byte, sync func(File) error) error {
	f, err := fsys.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = sync(f)
	}
	return errors.Join(err, f.Close())
}

// ReadFile returns the whole content of a file.
func ReadFile(fsys FS, name string) ([]byte, error) {
	f, err := fsys.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	data := make([]byte, info.Size())
	n, err := f.ReadAt(data, 0)
	if errors.Is(err, io.EOF) {
		err = nil // the file shrank since Stat
	}
	return data[:n], errors.Join(err, f.Close())
}
