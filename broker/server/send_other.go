//go:build !linux

package server

import (
	"io"

	"golang.org/x/sys/unix"

	"github.com/leatmq/leat/log"
)

// copyMax is how much of a slice is read at once where there is no sendfile with
// the meaning of Linux's.
const copyMax = 256 << 10

// sendBytes sends some of b.
func sendBytes(fd int, b []byte, _ bool) (int, error) { return unix.Write(fd, b) }

// sendSlice sends up to n bytes of s, from off on.
func sendSlice(fd int, s *log.Slice, off int64, n int) (int, error) {
	block := takeBuffer(min(n, copyMax))
	defer block.give()
	k, err := s.ReadAt(block.b[:min(n, copyMax)], off)
	if k == 0 {
		if err == io.EOF {
			err = nil
		}
		return 0, err
	}
	return unix.Write(fd, block.b[:k])
}
