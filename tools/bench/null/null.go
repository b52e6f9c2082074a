// Package null is the yardstick that brokers are measured against: the least
// that a machine must do to keep a Kafka log.
//
// For each Produce it reads the request into a buffer that the connection keeps,
// checks each batch's CRC once, patches base offset and leader epoch in place,
// writes the batches to the page cache (those of one partition that came together
// with one pwritev) and answers all at once. For each Fetch it looks up a position
// and sends the file by sendfile. It recovers nothing, validates nothing,
// replicates nothing and speaks one version of each api: what a broker costs more
// than this is the price of being one; what it costs less would be a mistake.
package null

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Broker keeps one partition per topic, made when first named, under a directory.
type Broker struct {
	dir  string
	port int32

	mu     sync.RWMutex
	topics map[string]*partition
}

// New returns a broker that writes under dir, which must exist.
func New(dir string) *Broker { return &Broker{dir: dir, topics: map[string]*partition{}} }

// Serve serves the listener until ctx is done, then closes everything.
func (b *Broker) Serve(ctx context.Context, l net.Listener) error {
	b.port = int32(l.Addr().(*net.TCPAddr).Port)
	var wg sync.WaitGroup
	defer b.close()
	defer wg.Wait()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		socket, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		wg.Go(func() {
			defer context.AfterFunc(ctx, func() { _ = socket.SetDeadline(time.Unix(1, 0)) })()
			defer func() { _ = socket.Close() }() // all was sent, or nobody is there to send to
			c := conn{broker: b, socket: socket.(*net.TCPConn)}
			c.serve()
		})
	}
}

// topic returns the partition of a topic, or makes it.
func (b *Broker) topic(name []byte) (*partition, error) {
	b.mu.RLock()
	p := b.topics[string(name)]
	b.mu.RUnlock()
	if p != nil {
		return p, nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if p = b.topics[string(name)]; p != nil {
		return p, nil
	}
	file, err := os.Create(filepath.Join(b.dir, filepath.Base(string(name))+"-0.log"))
	if err != nil {
		return nil, err
	}
	p = &partition{file: file, fd: int(file.Fd())}
	b.topics[string(name)] = p
	return p, nil
}

// close closes all files.
func (b *Broker) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.topics {
		_ = p.file.Close()
	}
}
