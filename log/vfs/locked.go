package vfs

import "strconv"

// Error names the file and, where known, the holder.
func (e *LockedError) Error() string {
	s := e.Path + " is locked by another process"
	if e.PID > 0 {
		s = e.Path + " is locked by process " + strconv.Itoa(e.PID)
	}
	return s + ": is another broker using this directory?"
}

// Is reports that every *LockedError is of the kind ErrLocked.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }
