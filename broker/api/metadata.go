package api

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
)

// Metadata (3) tells which brokers there are, who leads which partition, and
// makes topics that are asked for and not there.
//
//	v0     no topics given means all; dead replicas are left out of the lists
//	v1     null means all, no topics given means none; racks, the controller,
//	       internal topics
//	v2     cluster id
//	v4     the client says whether topics may be made
//	v5     offline replicas
//	v6     a leader without the client's listener is LISTENER_NOT_FOUND
//	v7     leader epochs
//	v8     authorised operations, of the cluster until v10
//	v9     flexible
//	v10    topic ids in the answer
//	v12    topics may be asked for by id
//
// It is asked often and may name every partition of the cluster, so it has a
// codec of its own that writes from the Image straight into the answer.
func (a *API) metadata(ctx context.Context, r *server.Request, w *server.Response) server.Outcome {
	call := a.metadataCalls.Get().(*metadataCall)
	defer a.metadataCalls.Put(call)
	if err := call.read(r); err != nil {
		return r.Untrusted(fmt.Errorf("version %d of Metadata: %w", r.Version, err))
	}
	call.conn = r.Conn
	if code := call.refused(); code != 0 {
		w.Buf = call.answerRefused(w.Buf, code)
		return server.Answered
	}
	call.im = a.Image()
	call.resolve()
	if a.uninformed() {
		call.await()
	} else {
		a.createMissing(ctx, call)
	}
	w.Buf = a.answerMetadata(call, w.Buf)
	return server.Answered
}

// metadataCall is one request and what becomes of it. It is used again for
// later requests.
type metadataCall struct {
	version  int16
	flexible bool
	conn     *server.Conn
	im       *image.Image

	all                bool // every topic
	asks               []metadataAsk
	autoCreate         bool
	clusterOps, topics bool // authorised operations asked for

	byID bool // topics are looked up by id
	seen map[string]struct{}
	live []liveBroker
}

// metadataAsk is one topic asked for, and what was found.
type metadataAsk struct {
	id   topic.ID
	name []byte // in the request; nil: null
	// Set by resolve.
	found *image.Topic
	code  int16
	skip  bool // named before
}

func newMetadataCall() any { return &metadataCall{seen: map[string]struct{}{}} }

// read decodes the request. Names stay in its body.
func (c *metadataCall) read(r *server.Request) error {
	c.version, c.flexible = r.Version, r.Flexible
	c.all, c.asks, c.byID = false, c.asks[:0], false
	c.clusterOps, c.topics = false, false
	in := reader{rest: r.Body, flexible: r.Flexible, elements: elementsIn(r.Body)}
	c.readTopics(&in)
	c.autoCreate = c.version < 4 || in.int8() != 0
	if c.version >= 8 && c.version <= 10 {
		c.clusterOps = in.int8() != 0
	}
	if c.version >= 8 {
		c.topics = in.int8() != 0
	}
	in.tags(nil)
	return in.err
}

// readTopics reads the list of topics. As in Kafka, a length below -1 reads as
// null, which a compact length beyond 31 bits is, too.
func (c *metadataCall) readTopics(in *reader) {
	n := int(int32(in.length(true)))
	switch {
	case n < 0 && c.version == 0:
		in.fail(fmt.Errorf("%w: topics are null", ErrMalformed))
		return
	case n < 0, n == 0 && c.version == 0:
		c.all = true
		return
	case n > len(in.rest):
		in.fail(fmt.Errorf("%w: %d topics in %d bytes", ErrMalformed, n, len(in.rest)))
		return
	case n > in.elements:
		in.fail(ErrTooMany)
		return
	}
	for range n {
		var ask metadataAsk
		if c.version >= 10 {
			ask.id = in.uuid()
			ask.name = in.nullable(false)
		} else {
			ask.name = in.str()
		}
		in.tags(nil)
		if in.err != nil {
			return
		}
		c.byID = c.byID || !ask.id.IsZero()
		c.asks = append(c.asks, ask)
	}
}

// refused is the code of a request that asks for a topic in a way that the
// version does not have, or not at all; 0 for a good one.
func (c *metadataCall) refused() int16 {
	for i := range c.asks {
		ask := &c.asks[i]
		switch {
		case c.version < 12 && c.version >= 10 && (ask.name == nil || !ask.id.IsZero()):
			return kerr.InvalidRequest.Code
		case ask.name == nil && ask.id.IsZero():
			return kerr.UnknownServerError.Code
		}
	}
	return 0
}

// resolve looks the topics up. One that is asked for twice is answered once.
func (c *metadataCall) resolve() {
	clear(c.seen)
	for i := range c.asks {
		ask := &c.asks[i]
		if c.byID {
			if ask.found = c.im.TopicByID(ask.id); ask.found == nil {
				ask.code = kerr.UnknownTopicID.Code
			}
			continue
		}
		ask.skip = c.named(i)
		if ask.found = c.im.Find(ask.name); ask.found == nil {
			ask.code = kerr.UnknownTopicOrPartition.Code
		}
	}
}

// few is how many names are compared with each other rather than put into a
// map, which costs a string for each.
const few = 8

// named says whether the i-th topic was named before.
func (c *metadataCall) named(i int) bool {
	name := c.asks[i].name
	if len(c.asks) <= few {
		for j := range i {
			if string(c.asks[j].name) == string(name) {
				return true
			}
		}
		return false
	}
	if _, seen := c.seen[string(name)]; seen {
		return true
	}
	c.seen[string(name)] = struct{}{}
	return false
}

// await has clients ask again for topics that this broker may not have been told
// of yet.
func (c *metadataCall) await() {
	for i := range c.asks {
		if ask := &c.asks[i]; ask.found == nil && !ask.skip {
			ask.code = kerr.LeaderNotAvailable.Code
		}
	}
}

// createMissing makes the topics that are not there, if the client and the
// configuration let it. They can be used by the next request; this one is told
// LEADER_NOT_AVAILABLE, as by Kafka, for which clients ask again.
func (a *API) createMissing(ctx context.Context, c *metadataCall) {
	if c.byID {
		return
	}
	allowed := c.autoCreate && a.Config.Bool("auto.create.topics.enable")
	var names []string
	var at []int
	for i := range c.asks {
		ask := &c.asks[i]
		switch {
		case ask.found != nil || ask.skip:
		case topic.Validate(string(ask.name)) != nil:
			ask.code = kerr.InvalidTopicException.Code
		case allowed:
			names, at = append(names, string(ask.name)), append(at, i)
		}
	}
	if len(names) == 0 {
		return
	}
	results, err := a.autoCreate(ctx, names)
	if err != nil {
		a.Logger.Info("topics that a client has named could not be made", "topics", len(names), "error", err)
	}
	for i, n := range at {
		ask := &c.asks[n]
		if err != nil { // nobody could be asked in time; a client must not give up for that
			ask.code = kerr.LeaderNotAvailable.Code
			continue
		}
		if ask.code = codeOf(results[i].Err); ask.code == 0 || ask.code == kerr.TopicAlreadyExists.Code {
			ask.code = kerr.LeaderNotAvailable.Code
		}
	}
}
