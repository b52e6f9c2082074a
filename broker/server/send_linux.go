package server

import (
	"golang.org/x/sys/unix"

	"github.com/leatmq/leat/log"
)

// sendBytes sends some of b; more says that something follows at once, so that the
// kernel does not send a small packet for the head of an answer.
func sendBytes(fd int, b []byte, more bool) (int, error) {
	flags := unix.MSG_NOSIGNAL
	if more {
		flags |= unix.MSG_MORE
	}
	return unix.SendmsgN(fd, b, nil, nil, flags)
}

// sendSlice sends up to n bytes of s, from off on, by sendfile.
func sendSlice(fd int, s *log.Slice, off int64, n int) (int, error) {
	file, at, _ := s.File()
	at += off
	return unix.Sendfile(fd, int(file), &at, n)
}
