//go:build chaos

package main

import (
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// clockFile names, in the environment, the file whose first eight bytes (int64 of
// the machine's order) are the seconds by which the broker's wall clock is wrong.
const clockFile = "LEAT_CHAOS_CLOCK"

// clock tells the broker the time, wrong by what the file of tools/chaos says at
// that moment. It exists in binaries built with the tag chaos only.
func clock() (func() time.Time, error) {
	name := os.Getenv(clockFile)
	if name == "" {
		return time.Now, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", clockFile, err)
	}
	defer f.Close()
	page, err := unix.Mmap(int(f.Fd()), 0, 8, unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("%s: %s: %w", clockFile, name, err)
	}
	seconds := (*int64)(unsafe.Pointer(&page[0]))
	return func() time.Time { return stepped(time.Now(), atomic.LoadInt64(seconds)) }, nil
}

// stepped is t as a machine tells it whose wall clock was set by so many seconds:
// the calendar moves, the monotonic reading does not, which no method of
// time.Time can do. The word holds a flag, 33 bits of seconds since 1885 and 30
// bits of nanoseconds.
func stepped(t time.Time, seconds int64) time.Time {
	word := (*uint64)(unsafe.Pointer(&t))
	*word += uint64(seconds << 30)
	return t
}
