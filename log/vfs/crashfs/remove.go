package crashfs

import (
	"io/fs"
	"path/filepath"
	"syscall"
)

// Remove removes a file or an empty directory.
func (f *FS) Remove(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter(Op{Kind: Remove, Name: name}); err != nil {
		return err
	}
	return f.remove(name)
}

func (f *FS) remove(name string) error {
	n, err := f.lookup("remove", name)
	if err != nil {
		return err
	}
	if n.isDir() && len(n.names) > 0 {
		return fail("remove", name, syscall.ENOTEMPTY)
	}
	dir, base, err := f.parent("remove", name)
	if err != nil {
		return err
	}
	f.do(part{dir, base, nil})
	f.unlink(n)
	return nil
}

// RemoveAll removes a tree from its leaves, each name being a change of its own.
func (f *FS) RemoveAll(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter(Op{Kind: RemoveAll, Name: name}); err != nil {
		return err
	}
	n, err := f.walk(split(name))
	if err != nil {
		return nil
	}
	return f.removeTree(n, name)
}

func (f *FS) removeTree(n *node, name string) error {
	for _, base := range sortedNames(n.names) {
		if err := f.removeTree(n.names[base], filepath.Join(name, base)); err != nil {
			return err
		}
	}
	if err := f.enter(Op{Kind: Remove, Name: name}); err != nil {
		return err
	}
	return f.remove(name)
}

// Rename moves a file or directory; it replaces a file or an empty directory.
func (f *FS) Rename(oldName, newName string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.enter(Op{Kind: Rename, Name: oldName, To: newName}); err != nil {
		return err
	}
	n, err := f.lookup("rename", oldName)
	if err != nil {
		return err
	}
	from, oldBase, err := f.parent("rename", oldName)
	if err != nil {
		return err
	}
	to, newBase, err := f.parent("rename", newName)
	if err != nil {
		return err
	}
	target := to.names[newBase]
	switch {
	case target == n:
		return nil
	case target == nil:
	case target.isDir() != n.isDir():
		return fail("rename", newName, fs.ErrExist)
	case target.isDir() && len(target.names) > 0:
		return fail("rename", newName, syscall.ENOTEMPTY)
	default:
		f.unlink(target)
	}
	f.do(part{from, oldBase, nil}, part{to, newBase, n})
	return nil
}

// MkdirAll creates a directory and its missing parents.
func (f *FS) MkdirAll(name string, _ fs.FileMode) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.root
	path := "/"
	for _, e := range split(name) {
		path = filepath.Join(path, e)
		child, ok := n.names[e]
		if ok && !child.isDir() {
			return fail("mkdir", path, syscall.ENOTDIR)
		}
		if !ok {
			if err := f.enter(Op{Kind: Mkdir, Name: path}); err != nil {
				return err
			}
			child = newDir(f.now())
			f.do(part{n, e, child})
		}
		n = child
	}
	return nil
}
