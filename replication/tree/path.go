package tree

import (
	"errors"
	"fmt"
	"strings"
)

// ValidatePath returns nil for an absolute path of non-empty parts, "/" among
// them, and an error that wraps ErrBadPath otherwise.
func ValidatePath(path string) error {
	if path == "/" {
		return nil
	}
	if !strings.HasPrefix(path, "/") || strings.HasSuffix(path, "/") {
		return fmt.Errorf("%q: %w", path, ErrBadPath)
	}
	for part := range strings.SplitSeq(path[1:], "/") {
		if part == "" || part == "." || part == ".." || strings.IndexByte(part, 0) >= 0 {
			return fmt.Errorf("%q: %w", path, ErrBadPath)
		}
	}
	return nil
}

// Parent is the path above, "" for "/".
func Parent(path string) string {
	i := strings.LastIndexByte(path, '/')
	switch {
	case path == "/":
		return ""
	case i == 0:
		return "/"
	}
	return path[:i]
}

// EnsureAll makes the paths that are missing, and their parents, as persistent
// nodes without data. What another session makes meanwhile is as good.
func EnsureAll(t Tree, paths ...string) error {
	for _, path := range paths {
		if err := ensure(t, path); err != nil {
			return err
		}
	}
	return nil
}

func ensure(t Tree, path string) error {
	for {
		_, err := t.Multi(Create(path, nil, 0))
		switch {
		case err == nil, errors.Is(err, ErrNodeExists):
			return nil
		case errors.Is(err, ErrNoNode) && Parent(path) != "":
			if err := ensure(t, Parent(path)); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// Subtree lists a node and everything below it, children before their parents:
// the order in which they can be deleted. A node that is not there gives none.
func Subtree(t Tree, path string) ([]string, error) {
	children, _, err := t.Children(path, nil)
	if errors.Is(err, ErrNoNode) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []string
	prefix := path + "/"
	if path == "/" {
		prefix = path
	}
	for _, child := range children {
		below, err := Subtree(t, prefix+child)
		if err != nil {
			return nil, err
		}
		all = append(all, below...)
	}
	return append(all, path), nil
}
