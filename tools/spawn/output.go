package spawn

import (
	"bytes"
	"sync"
)

// logBuffer keeps the beginning and the end of what is written to it.
type logBuffer struct {
	mu         sync.Mutex
	head, tail bytes.Buffer
}

const keepLog = 64 << 10

// Write keeps p; the middle of a long log is dropped.
func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.head.Len() < keepLog {
		l.head.Write(p)
		return len(p), nil
	}
	l.tail.Write(p)
	if over := l.tail.Len() - keepLog; over > keepLog {
		l.tail.Next(over)
	}
	return len(p), nil
}

// String returns what is kept.
func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.tail.Len() == 0 {
		return l.head.String()
	}
	return l.head.String() + "\n…\n" + l.tail.String()
}
