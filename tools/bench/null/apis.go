package null

import (
	"encoding/binary"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// The apis and the one version of each, none of them flexible.
const (
	keyProduce     = 0
	keyFetch       = 1
	keyMetadata    = 3
	keyAPIVersions = 18

	// ProduceVersion and the others are what a client must use.
	ProduceVersion  = 7
	FetchVersion    = 11
	MetadataVersion = 4
)

const (
	corruptMessage          = 2
	unknownTopicOrPartition = 3
)

// reader reads a request; past its end it reads zeros and notes that it is short.
type reader struct {
	b     []byte
	short bool
}

// take returns n bytes, none for a negative n.
func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.b, r.short = nil, true
		return nil
	}
	v := r.b[:max(n, 0)]
	r.b = r.b[len(v):]
	return v
}

func (r *reader) int16() (v uint16) {
	if b := r.take(2); b != nil {
		v = binary.BigEndian.Uint16(b)
	}
	return v
}

func (r *reader) int32() (v int32) {
	if b := r.take(4); b != nil {
		v = int32(binary.BigEndian.Uint32(b))
	}
	return v
}

func (r *reader) int64() (v int64) {
	if b := r.take(8); b != nil {
		v = int64(binary.BigEndian.Uint64(b))
	}
	return v
}

func (r *reader) string() []byte { return r.take(int(int16(r.int16()))) }

// produce answers with base offsets that flush fills in.
func (c *conn) produce() error {
	r := &c.request.body
	r.string() // transactional id
	r.int16()  // acks
	r.int32()  // timeout
	at := c.begin()
	topics := r.int32()
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(topics))
	for range topics {
		name := r.string()
		if r.short {
			return errProtocol
		}
		p, err := c.broker.topic(name)
		if err != nil {
			return err
		}
		c.out = binary.BigEndian.AppendUint16(c.out, uint16(len(name)))
		c.out = append(c.out, name...)
		partitions := r.int32()
		c.out = binary.BigEndian.AppendUint32(c.out, uint32(partitions))
		for range partitions {
			index := r.int32()
			batch := r.take(int(r.int32()))
			if r.short {
				return errProtocol
			}
			code := uint16(0)
			switch {
			case index != 0:
				code = unknownTopicOrPartition
			case !intact(batch):
				code = corruptMessage
			default:
				c.pending = append(c.pending, pending{p, batch, len(c.out) + 6})
			}
			c.out = binary.BigEndian.AppendUint32(c.out, uint32(index))
			c.out = binary.BigEndian.AppendUint16(c.out, code)
			c.out = binary.BigEndian.AppendUint64(c.out, 0)          // base offset
			c.out = binary.BigEndian.AppendUint64(c.out, ^uint64(0)) // append time
			c.out = binary.BigEndian.AppendUint64(c.out, 0)          // log start offset
		}
	}
	c.out = binary.BigEndian.AppendUint32(c.out, 0) // throttle time
	c.finish(at, 0)
	return nil
}

// fetch answers the first partition of the request at once, whatever there is.
func (c *conn) fetch() error {
	r := &c.request.body
	r.take(4 + 4 + 4 + 4 + 1 + 4 + 4) // replica, wait, least, most bytes, isolation, session
	r.int32()
	name := r.string()
	r.int32()
	index := r.int32()
	r.int32() // leader epoch
	offset := r.int64()
	r.int64() // log start offset
	limit := int(r.int32())
	if r.short {
		return errProtocol
	}
	p, err := c.broker.topic(name)
	if err != nil {
		return err
	}
	if err := c.flush(); err != nil {
		return err
	}
	position, n, end := p.read(offset, limit)
	at := c.begin()
	c.out = append(c.out, make([]byte, 4+2+4)...) // throttle time, error, session
	c.out = binary.BigEndian.AppendUint32(c.out, 1)
	c.out = binary.BigEndian.AppendUint16(c.out, uint16(len(name)))
	c.out = append(c.out, name...)
	c.out = binary.BigEndian.AppendUint32(c.out, 1)
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(index))
	c.out = binary.BigEndian.AppendUint16(c.out, 0)
	c.out = binary.BigEndian.AppendUint64(c.out, uint64(end)) // high watermark
	c.out = binary.BigEndian.AppendUint64(c.out, uint64(end)) // last stable offset
	c.out = binary.BigEndian.AppendUint64(c.out, 0)           // log start offset
	c.out = binary.BigEndian.AppendUint32(c.out, 0)           // aborted transactions
	c.out = binary.BigEndian.AppendUint32(c.out, ^uint32(0))  // preferred replica
	c.out = binary.BigEndian.AppendUint32(c.out, uint32(n))
	c.finish(at, n)
	return c.sendFile(p, position, n)
}

// metadata says that the topics asked for exist, with one partition each.
func (c *conn) metadata() error {
	q := kmsg.NewPtrMetadataRequest()
	q.Version = c.request.version
	if err := q.ReadFrom(c.request.body.b); err != nil {
		return err
	}
	a := q.ResponseKind().(*kmsg.MetadataResponse)
	a.Brokers = []kmsg.MetadataResponseBroker{{NodeID: 1, Host: "127.0.0.1", Port: c.broker.port}}
	a.ControllerID = 1
	for _, t := range q.Topics {
		a.Topics = append(a.Topics, kmsg.MetadataResponseTopic{Topic: t.Topic, Partitions: []kmsg.MetadataResponseTopicPartition{
			{Leader: 1, Replicas: []int32{1}, ISR: []int32{1}}}})
	}
	at := c.begin()
	c.out = a.AppendTo(c.out)
	c.finish(at, 0)
	return nil
}

// versions says what is offered.
func (c *conn) versions() error {
	a := kmsg.NewPtrApiVersionsResponse()
	for _, k := range [][2]int16{{keyProduce, ProduceVersion}, {keyFetch, FetchVersion}, {keyMetadata, MetadataVersion}, {keyAPIVersions, 0}} {
		a.ApiKeys = append(a.ApiKeys, kmsg.ApiVersionsResponseApiKey{ApiKey: k[0], MinVersion: k[1], MaxVersion: k[1]})
	}
	at := c.begin()
	c.out = a.AppendTo(c.out)
	c.finish(at, 0)
	return nil
}
