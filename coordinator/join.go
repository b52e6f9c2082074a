package coordinator

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/coordinator/group"
)

// idRequiredFrom and skipFrom are the versions of JoinGroup with KIP-394 and KIP-814.
const (
	idRequiredFrom = 4
	skipFrom       = 9
)

// Join answers JoinGroup. It blocks until the group's members are all there, their time is
// up, or ctx ends.
func (g *Groups) Join(ctx context.Context, c *Caller, req *kmsg.JoinGroupRequest) *kmsg.JoinGroupResponse {
	if req.Group == "" {
		return refuseJoin(req, group.InvalidGroupID, req.MemberID)
	}
	sh, code := g.enter(req.Group)
	if code != group.None {
		return refuseJoin(req, code, req.MemberID)
	}
	l := sh.Machine
	token, answer := l.park()
	l.table.Join(&l.turn, req.Group, g.joinOf(c, req, token))
	l.settle(&sh.Writer)
	sh.Leave()
	r, fault := g.await(ctx, sh, token, answer)
	if fault != group.NoFault {
		return refuseJoin(req, fault.Assigning(), req.MemberID)
	}
	return joinResponse(req, &r.join)
}

func (g *Groups) joinOf(c *Caller, req *kmsg.JoinGroupRequest, token group.Token) *group.Join {
	j := &group.Join{
		Token:        token,
		MemberID:     req.MemberID,
		InstanceID:   req.InstanceID,
		ClientID:     c.ClientID,
		ClientHost:   c.ClientHost,
		Session:      time.Duration(req.SessionTimeoutMillis) * time.Millisecond,
		Rebalance:    time.Duration(req.RebalanceTimeoutMillis) * time.Millisecond,
		ProtocolType: req.ProtocolType,
		Protocols:    make([]group.Protocol, len(req.Protocols)),
		IDRequired:   req.Version >= idRequiredFrom,
		MaySkip:      req.Version >= skipFrom,
	}
	if req.Version == 0 {
		j.Rebalance = j.Session
	}
	if j.MemberID == "" {
		j.Unique = g.newID()
	}
	for i := range req.Protocols {
		j.Protocols[i] = group.Protocol{Name: req.Protocols[i].Name, Metadata: req.Protocols[i].Metadata}
	}
	return j
}

func refuseJoin(req *kmsg.JoinGroupRequest, code group.Code, memberID string) *kmsg.JoinGroupResponse {
	return joinResponse(req, &group.JoinAnswer{Code: code, MemberID: memberID, Generation: -1})
}

func joinResponse(req *kmsg.JoinGroupRequest, a *group.JoinAnswer) *kmsg.JoinGroupResponse {
	resp := kmsg.NewPtrJoinGroupResponse()
	resp.Version = req.Version
	resp.ErrorCode = int16(a.Code)
	resp.Generation = a.Generation
	if a.Protocol != "" || a.Code == group.None {
		resp.ProtocolType, resp.Protocol = &a.ProtocolType, &a.Protocol
	}
	resp.LeaderID = a.Leader
	resp.SkipAssignment = a.SkipAssignment
	resp.MemberID = a.MemberID
	if len(a.Members) > 0 {
		resp.Members = make([]kmsg.JoinGroupResponseMember, len(a.Members))
	}
	for i := range a.Members {
		m := kmsg.NewJoinGroupResponseMember()
		m.MemberID, m.InstanceID, m.ProtocolMetadata = a.Members[i].ID, a.Members[i].InstanceID, a.Members[i].Metadata
		resp.Members[i] = m
	}
	return resp
}
