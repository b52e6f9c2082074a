package load

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/tools/bench/null"
)

// conn is one connection of the generator.
type conn struct {
	socket *net.TCPConn
	topic  string
	all    bool // acks=all
	answer []byte
}

// Where things are in the requests that this package makes.
const (
	correlationAt = 8
	clientID      = "bench"
)

// ask sends a request and decodes its answer; for what is not measured.
func (c *conn) ask(q kmsg.Request) (kmsg.Response, error) {
	f := kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientID))
	if _, err := c.socket.Write(f.AppendRequest(nil, q, 1)); err != nil {
		return nil, err
	}
	b, err := c.read(c.socket)
	if err != nil {
		return nil, err
	}
	a := q.ResponseKind()
	return a, a.ReadFrom(b[4:])
}

// read reads one answer, without its length field. It is valid until the next.
func (c *conn) read(r io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(r, length[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(length[:]))
	if n > cap(c.answer) {
		c.answer = make([]byte, n)
	}
	c.answer = c.answer[:n]
	_, err := io.ReadFull(r, c.answer)
	return c.answer, err
}

// readAll reads an answer of which nothing must follow, with as few reads as it takes.
func (c *conn) readAll() ([]byte, error) {
	if cap(c.answer) < 64<<10 {
		c.answer = make([]byte, 64<<10)
	}
	c.answer = c.answer[:cap(c.answer)]
	for have := 0; ; {
		n, err := c.socket.Read(c.answer[have:])
		if err != nil {
			return nil, err
		}
		if have += n; have < 4 {
			continue
		}
		whole := 4 + int(binary.BigEndian.Uint32(c.answer))
		switch {
		case have == whole:
			return c.answer[4:whole], nil
		case have > whole:
			return nil, errors.New("more came than was asked for")
		case whole > len(c.answer):
			next := make([]byte, whole)
			copy(next, c.answer[:have])
			c.answer = next
		}
	}
}

// produceFrame makes a request with one batch.
func (c *conn) produceFrame(b Batch) []byte {
	q := kmsg.NewPtrProduceRequest()
	q.Version = null.ProduceVersion
	q.Acks = 1
	if c.all {
		q.Acks = -1
	}
	q.TimeoutMillis = 10_000
	p := kmsg.NewProduceRequestTopicPartition()
	p.Records = b.Bytes
	t := kmsg.NewProduceRequestTopic()
	t.Topic, t.Partitions = c.topic, []kmsg.ProduceRequestTopicPartition{p}
	q.Topics = []kmsg.ProduceRequestTopic{t}
	f := kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientID))
	return f.AppendRequest(nil, q, 0)
}

// produce sends total bytes of batches with so many requests in flight.
func (c *conn) produce(batches []Batch, inflight int, total int64) (r Result, err error) {
	frames := make([][]byte, len(batches))
	for i, b := range batches {
		frames[i] = c.produceFrame(b)
	}
	// Of answers there are many to a read, of requests one to a write.
	answers := bufio.NewReaderSize(c.socket, 16<<10)
	sent, acked := int64(0), int64(0)
	for r.Bytes < total {
		for ; sent-acked < int64(inflight); sent++ {
			f := frames[sent%int64(len(frames))]
			binary.BigEndian.PutUint32(f[correlationAt:], uint32(sent))
			if _, err := c.socket.Write(f); err != nil {
				return r, err
			}
		}
		// All that have come, so that the next requests go out together.
		for first := true; (first || answers.Buffered() > 4) && acked < sent; first = false {
			b, err := c.read(answers)
			if err != nil {
				return r, err
			}
			if err := c.checkAck(b, uint32(acked)); err != nil {
				return r, err
			}
			batch := batches[acked%int64(len(batches))]
			acked++
			r.Bytes += int64(batch.Plain)
			r.Records += int64(batch.Records)
			r.Requests++
		}
	}
	for ; acked < sent; acked++ {
		if _, err := c.read(answers); err != nil {
			return r, err
		}
	}
	return r, nil
}

// checkAck checks correlation id and error code of an answer to Produce.
func (c *conn) checkAck(b []byte, id uint32) error {
	at := 4 + 4 + 2 + len(c.topic) + 4 + 4
	if len(b) < at+2 {
		return io.ErrUnexpectedEOF
	}
	if got := binary.BigEndian.Uint32(b); got != id {
		return fmt.Errorf("answer %d where %d is due", got, id)
	}
	if code := binary.BigEndian.Uint16(b[at:]); code != 0 {
		return fmt.Errorf("produce to %s: error code %d", c.topic, code)
	}
	return nil
}

// fetchFrame makes a fetch; its offset is to be set at the returned place.
func (c *conn) fetchFrame(size int) (frame []byte, offsetAt int) {
	q := kmsg.NewPtrFetchRequest()
	q.Version = null.FetchVersion
	q.ReplicaID = -1
	q.MaxWaitMillis = 500
	q.MinBytes = 1
	q.MaxBytes = int32(size)
	q.SessionEpoch = -1
	p := kmsg.NewFetchRequestTopicPartition()
	p.CurrentLeaderEpoch = -1
	p.FetchOffset = 0x0102030405060708
	p.PartitionMaxBytes = int32(size)
	t := kmsg.NewFetchRequestTopic()
	t.Topic, t.Partitions = c.topic, []kmsg.FetchRequestTopicPartition{p}
	q.Topics = []kmsg.FetchRequestTopic{t}
	f := kmsg.NewRequestFormatter(kmsg.FormatterClientID(clientID))
	frame = f.AppendRequest(nil, q, 0)
	// From the end: offset, log start offset, size, forgotten topics, rack.
	return frame, len(frame) - 2 - 4 - 4 - 8 - 8
}

// consume fetches total bytes, beginning again at offset 0 at the log's end.
func (c *conn) consume(size int, total int64) (r Result, err error) {
	frame, at := c.fetchFrame(size)
	offset := int64(0)
	for r.Bytes < total {
		binary.BigEndian.PutUint32(frame[correlationAt:], uint32(r.Requests))
		binary.BigEndian.PutUint64(frame[at:], uint64(offset))
		if _, err := c.socket.Write(frame); err != nil {
			return r, err
		}
		b, err := c.readAll()
		if err != nil {
			return r, err
		}
		end, records, err := c.records(b)
		if err != nil {
			return r, err
		}
		next, size := span(records)
		if size == 0 {
			return r, errors.New("a fetch brought no whole batch")
		}
		r.Records += next - offset
		r.Bytes += int64(size)
		r.Requests++
		if offset = next; offset >= end {
			offset = 0
		}
	}
	return r, nil
}

// records finds high watermark and records in an answer to Fetch with one partition.
func (c *conn) records(b []byte) (end int64, records []byte, err error) {
	at := 4 + 4 + 2 + 4 + 4 + 2 + len(c.topic) + 4 + 4
	if len(b) < at+2+24+12 {
		return 0, nil, io.ErrUnexpectedEOF
	}
	if code := binary.BigEndian.Uint16(b[at:]); code != 0 {
		return 0, nil, fmt.Errorf("fetch of %s: error code %d", c.topic, code)
	}
	end = int64(binary.BigEndian.Uint64(b[at+2:]))
	at += 2 + 24
	if aborted := int32(binary.BigEndian.Uint32(b[at:])); aborted > 0 {
		return 0, nil, errors.New("fetch: aborted transactions where none are")
	}
	at += 4 + 4
	n := int(int32(binary.BigEndian.Uint32(b[at:])))
	if n < 0 || at+4+n > len(b) {
		return 0, nil, io.ErrUnexpectedEOF
	}
	return end, b[at+4 : at+4+n], nil
}

// span walks whole batches and returns the offset after them and their size.
func span(b []byte) (next int64, size int) {
	for len(b)-size >= batchHeaderSize {
		batch := b[size:]
		n := int(binary.BigEndian.Uint32(batch[batchLength:])) + batchLength + 4
		if n > len(batch) {
			break
		}
		next = int64(binary.BigEndian.Uint64(batch)) + int64(binary.BigEndian.Uint32(batch[batchLastDelta:])) + 1
		size += n
	}
	return next, size
}
