// Package crashfs is a disk in memory that crashes, tears writes, fills up and
// fails on command, for tests of everything that stands on package vfs.
//
//	f := crashfs.New(crashfs.Options{Seed: 1})
//	... use f as a vfs.FS ...
//	f.Crash()   // power cut: what was not synced is kept, torn or lost by chance
//	f.Kill()    // the process died: all that was written stays
//	... open everything again ...
//
// Each file has two contents: what readers see, and what is durable. A write
// goes to the first and waits in a list until Sync applies the list to the
// second. Each directory has two sets of names in the same way, with SyncDir. At
// a crash a random part of each list is applied and the rest is forgotten:
//
//	file       each waiting write whole, in part (by 512-byte sectors), or not;
//	           any subset or a prefix of them; a length without its bytes
//	directory  any subset or a prefix of the creations, removals and renames;
//	           each rename happens whole or not at all
//
// A Sync that is made to fail does what Linux does: a random part reaches the
// disk, and the rest is no longer waiting, so that the next Sync succeeds without
// it.
//
// To visit every crash point, count the changes that a run makes (Changes), then
// repeat the run with StopAfter(0), StopAfter(1), ... and Crash after each.
package crashfs

import (
	"errors"
	"io/fs"
	"math"
	"math/rand/v2"
	"sync"
	"time"
)

// ErrCrashed is returned by files and locks opened before a Crash or Kill, and
// by everything after the point that StopAfter set.
var ErrCrashed = errors.New("crashfs: the machine has crashed")

// Options say how the disk behaves.
type Options struct {
	Seed     uint64           // decides what a crash keeps
	Capacity int64            // bytes that fit; 0: no limit. See SetCapacity.
	Now      func() time.Time // for modification times; nil: time.Now
}

// FS is the disk. It implements vfs.FS; its files have no descriptor.
type FS struct {
	now func() time.Time

	mu         sync.Mutex // guards all below and every node
	rng        *rand.Rand
	root       *node
	locks      map[*node]bool
	capacity   int64
	used       int64 // sum of the lengths of all files
	generation int   // raised by Crash and Kill: older handles are dead
	changes    int
	stopAfter  int
	rule       func(Op) error
}

// New returns an empty disk with a root directory.
func New(o Options) *FS {
	if o.Now == nil {
		o.Now = time.Now
	}
	f := &FS{
		now:       o.Now,
		rng:       rand.New(rand.NewPCG(o.Seed, 0x6c656174)),
		root:      newDir(o.Now()),
		locks:     make(map[*node]bool),
		stopAfter: math.MaxInt,
	}
	f.setCapacity(o.Capacity)
	return f
}

// SetCapacity changes how many bytes fit, 0 meaning no limit. Writes and growing
// truncations beyond it fail with ENOSPC, a write after the part that fitted.
func (f *FS) SetCapacity(bytes int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.setCapacity(bytes)
}

func (f *FS) setCapacity(bytes int64) {
	if bytes <= 0 {
		bytes = 1 << 50
	}
	f.capacity = bytes
}

// Used returns the sum of the lengths of all files.
func (f *FS) Used() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.used
}

// Crash cuts the power and brings the disk back with what survived. All open
// files and locks are dead, and rules and stop point are gone.
func (f *FS) Crash() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.root.settleNames(f.rng)
	f.used = 0
	f.root.each(func(n *node) {
		n.settle(f.rng)
		n.linked, n.opens = true, 0
		n.data = append([]byte(nil), n.durable...)
		f.used += int64(len(n.data))
	})
	f.revive()
}

// Kill ends the process: everything written stays as it is, synced or not; open
// files and locks are dead, and rules and stop point are gone.
func (f *FS) Kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.revive()
}

func (f *FS) revive() {
	f.generation++
	clear(f.locks)
	f.rule, f.stopAfter, f.changes = nil, math.MaxInt, 0
}

// Flip inverts one bit of a file, durably, as a bad disk would.
func (f *FS) Flip(name string, off int64, bit uint) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.lookup("flip", name)
	if err != nil {
		return err
	}
	if off < 0 || off >= int64(len(n.data)) {
		return &fs.PathError{Op: "flip", Path: name, Err: fs.ErrInvalid}
	}
	n.data[off] ^= 1 << (bit % 8)
	if off < int64(len(n.durable)) {
		n.durable[off] ^= 1 << (bit % 8)
	}
	return nil
}
