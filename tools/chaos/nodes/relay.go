package nodes

import (
	"container/heap"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// quality is how bad a relayed link is.
type quality struct {
	delay, jitter time.Duration
	loss          float64 // 0 to 1
}

// relay carries frames between two interfaces, late, and not all of them. It is
// there because not every kernel has a queue discipline that does it. Frames are
// taken with their offload headers, so that what a virtual link has put together
// stays together.
type relay struct {
	ends [2]int
	done chan struct{}
	both sync.WaitGroup
}

// packetVnetHdr is PACKET_VNET_HDR of linux/if_packet.h.
const packetVnetHdr = 15

func newRelay(a, b string, q quality) (*relay, error) {
	r := &relay{done: make(chan struct{})}
	for i, name := range []string{a, b} {
		fd, err := openLink(name)
		if err != nil {
			if i == 1 {
				err = errors.Join(err, unix.Close(r.ends[0]))
			}
			return nil, fmt.Errorf("nodes: relay at %s: %w", name, err)
		}
		r.ends[i] = fd
	}
	r.both.Go(func() { r.carry(r.ends[0], r.ends[1], q) })
	r.both.Go(func() { r.carry(r.ends[1], r.ends[0], q) })
	return r, nil
}

// openLink opens a socket on all frames that arrive at an interface.
func openLink(name string) (int, error) {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return 0, err
	}
	const all = 0x0300 // ETH_P_ALL in network order
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, err
	}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_PACKET, packetVnetHdr, 1),
		unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 5000}),
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20),
		unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Index}),
	)
	if err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// carry takes frames from one end and gives them to the other when they are due.
func (r *relay) carry(from, to int, q quality) {
	var late frames
	buf := make([]byte, 1<<17)
	for {
		select {
		case <-r.done:
			return
		default:
		}
		if n, err := unix.Read(from, buf); err == nil && n > 0 && rand.Float64() >= q.loss {
			due := time.Now().Add(q.delay)
			if q.jitter > 0 {
				due = due.Add(rand.N(2*q.jitter) - q.jitter)
			}
			heap.Push(&late, frame{due, append([]byte(nil), buf[:n]...)})
		}
		for len(late) > 0 && !time.Now().Before(late[0].due) {
			// A frame that the other end does not take is lost, as frames are.
			if _, err := unix.Write(to, heap.Pop(&late).(frame).data); err != nil {
				break
			}
		}
	}
}

func (r *relay) close() error {
	close(r.done)
	r.both.Wait()
	return errors.Join(unix.Close(r.ends[0]), unix.Close(r.ends[1]))
}

type frame struct {
	due  time.Time
	data []byte
}

// frames is a heap by time.
type frames []frame

func (f frames) Len() int           { return len(f) }
func (f frames) Less(i, j int) bool { return f[i].due.Before(f[j].due) }
func (f frames) Swap(i, j int)      { f[i], f[j] = f[j], f[i] }
func (f *frames) Push(x any)        { *f = append(*f, x.(frame)) }
func (f *frames) Pop() any {
	old := *f
	x := old[len(old)-1]
	*f = old[:len(old)-1]
	return x
}
