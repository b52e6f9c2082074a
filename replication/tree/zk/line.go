package zk

import (
	"encoding/binary"
	"net"
	"sync"
	"time"
)

// Opcodes of frames that line tells apart.
const (
	opPing       = 11
	opAuth       = 100
	opSetWatches = 101
)

// line is a connection as the library has it. It looks at how frames pass, and
// mends two weaknesses of the library:
//
// Watches. The library tells of an event first through a callback and then to
// the channels of the watches it hits, and reads the next frame after that. So
// when it comes to read, line lets the watches of the events so far be told: in
// their order, and before anything that happened later can be read.
//
// Resumption. On a new connection of the same session the library asks the
// server to set the watches again, and to tell of everything since the last
// zxid it has seen. It looks that zxid up while it already serves other calls,
// whose answers raise it: changes in between would be told to nobody. So no
// answer passes before the watches have been asked for.
//
// That there are watches to be asked for is sure only with the sentinel's. It is
// set on a session's first connection, which is then given up: what the library
// does there without any watch leaves no trace that line could wait for.
type line struct {
	net.Conn
	tree *Tree

	// The first frame each way is the handshake. Only the reader uses these.
	header  [4]byte
	got     int // bytes of header
	left    int // bytes of the handshake's answer that are still to come
	greeted bool

	mu       sync.Mutex
	resuming bool // watches are to be asked for again
	sent     bool // a request that needs an answer is on its way
	written  bool // the handshake
	resumed  chan struct{}
	hungUp   chan struct{}
	once     sync.Once
	patience *time.Timer // hangs up unless the server greets
}

// newLine watches over a fresh connection. The library would wait for the
// server's greeting much longer than the session lasts.
func newLine(c net.Conn, t *Tree, patience time.Duration) *line {
	l := &line{Conn: c, tree: t, resumed: make(chan struct{}), hungUp: make(chan struct{})}
	// Without the sentinel's watch there may be nothing to be asked for.
	l.resuming = t.watches.guarded()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.patience = time.AfterFunc(patience, l.hangUp)
	return l
}

// Write sends one frame: the library writes each at once.
func (l *line) Write(frame []byte) (int, error) {
	l.mu.Lock()
	switch {
	case !l.written:
		l.written = true
	case l.resuming && len(frame) >= 12:
		switch int32(binary.BigEndian.Uint32(frame[8:])) {
		case opPing, opAuth:
			// Their answers carry no zxid.
		case opSetWatches:
			l.resuming = false
			close(l.resumed)
		default:
			l.sent = true
		}
	}
	l.mu.Unlock()
	return l.Conn.Write(frame)
}

// Read reads.
func (l *line) Read(p []byte) (int, error) {
	if l.greeted {
		l.tree.watches.tell()
	}
	n, err := l.Conn.Read(p)
	if l.greeted {
		l.hold()
	} else {
		l.greet(p[:n])
	}
	return n, err
}

// greet follows the handshake's answer: 4 bytes of length, and the rest.
func (l *line) greet(p []byte) {
	for _, b := range p {
		if l.got < 4 {
			l.header[l.got] = b
			if l.got++; l.got == 4 {
				l.left = int(binary.BigEndian.Uint32(l.header[:]))
			}
			continue
		}
		l.left--
	}
	if l.got == 4 && l.left <= 0 {
		l.greeted = true
		l.stopPatience()
	}
}

// hold keeps back what was read until the watches have been asked for.
func (l *line) hold() {
	l.mu.Lock()
	wait := l.resuming && l.sent
	l.mu.Unlock()
	if !wait {
		return
	}
	select {
	case <-l.resumed:
	case <-l.hungUp:
	}
}

// Close closes the connection.
func (l *line) Close() error {
	l.once.Do(func() { close(l.hungUp) })
	l.stopPatience()
	return l.Conn.Close()
}

func (l *line) stopPatience() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.patience.Stop()
}

// hangUp closes the connection under the library, which will find out.
func (l *line) hangUp() {
	if err := l.Close(); err != nil {
		l.tree.log.Debug("close a ZooKeeper connection", "error", err)
	}
}
