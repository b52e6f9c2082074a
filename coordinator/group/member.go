package group

import (
	"bytes"
	"time"

	"github.com/leatmq/leat/coordinator/group/entry"
)

// member is somebody in a group.
type member struct {
	id         string
	instance   *string // not nil for a static member
	clientID   string
	clientHost string
	session    time.Duration
	rebalance  time.Duration
	protocols  []Protocol // the member's own copy; no name twice
	assignment []byte     // replaced, never changed in place

	join Token // parked JoinGroup, 0 none
	sync Token // parked SyncGroup, 0 none; never together with join

	fresh    bool // has joined and never been answered: it may not know its id
	unsynced bool // has yet to sync in this generation

	alarm      alarm // when its session ends
	prev, next *member
}

// overhead is about what a member takes besides its strings and bytes.
const overhead = 512

// size is about how many bytes the member holds.
func (m *member) size() int64 {
	n := overhead + len(m.id) + len(m.clientID) + len(m.clientHost) + len(m.assignment)
	if m.instance != nil {
		n += len(*m.instance)
	}
	return int64(n) + size(m.protocols)
}

func size(protocols []Protocol) (n int64) {
	for i := range protocols {
		n += int64(len(protocols[i].Name)+len(protocols[i].Metadata)) + overhead/8
	}
	return n
}

// waiting tells that a request of the member is parked, so that it is known to be alive.
func (m *member) waiting() bool { return m.join != 0 || m.sync != 0 }

// metadata is what the member says for a protocol, nothing if it does not support it.
func (m *member) metadata(protocol string) []byte {
	for i := range m.protocols {
		if m.protocols[i].Name == protocol {
			return m.protocols[i].Metadata
		}
	}
	return nil
}

// says tells whether the member would say nothing new with these protocols.
func (m *member) says(protocols []Protocol) bool {
	if len(m.protocols) != len(protocols) {
		return false
	}
	for i := range protocols {
		if m.protocols[i].Name != protocols[i].Name || !bytes.Equal(m.protocols[i].Metadata, protocols[i].Metadata) {
			return false
		}
	}
	return true
}

// stored is the member as it is written to the log.
func (m *member) stored(protocol string, assignment []byte) entry.Member {
	return entry.Member{
		ID:           m.id,
		InstanceID:   m.instance,
		ClientID:     m.clientID,
		ClientHost:   m.clientHost,
		RebalanceMs:  int32(m.rebalance.Milliseconds()),
		SessionMs:    int32(m.session.Milliseconds()),
		Subscription: m.metadata(protocol),
		Assignment:   assignment,
	}
}

// copyProtocols copies what a request said, so that the request's memory may go. Of a name
// that is given twice the first counts.
func copyProtocols(protocols []Protocol) []Protocol {
	total := 0
	for i := range protocols {
		total += len(protocols[i].Metadata)
	}
	buf := make([]byte, 0, total)
	out := make([]Protocol, 0, len(protocols))
	seen := make(map[string]struct{}, len(protocols))
	for i := range protocols {
		name := protocols[i].Name
		if _, twice := seen[name]; twice {
			continue
		}
		seen[name] = struct{}{}
		n := len(buf)
		buf = append(buf, protocols[i].Metadata...)
		out = append(out, Protocol{name, buf[n:len(buf):len(buf)]})
	}
	return out
}
