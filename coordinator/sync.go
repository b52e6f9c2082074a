package coordinator

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/coordinator/group"
)

// protocolFrom is the version of SyncGroup that must say protocol type and protocol (KIP-559).
const protocolFrom = 5

// Sync answers SyncGroup. It blocks until the leader has sent the assignment.
func (g *Groups) Sync(ctx context.Context, req *kmsg.SyncGroupRequest) *kmsg.SyncGroupResponse {
	if req.Version >= protocolFrom && (req.ProtocolType == nil || req.Protocol == nil) {
		return refuseSync(req, group.InconsistentProtocol)
	}
	if req.Group == "" {
		return refuseSync(req, group.InvalidGroupID)
	}
	sh, code := g.enter(req.Group)
	if code == group.LoadInProgress {
		code = group.RebalanceInProgress // what was being decided is lost; older clients know no other way to say so
	}
	if code != group.None {
		return refuseSync(req, code)
	}
	l := sh.Machine
	token, answer := l.park()
	l.table.Sync(&l.turn, req.Group, syncOf(req, token))
	l.settle(&sh.Writer)
	sh.Leave()
	r, fault := g.await(ctx, sh, token, answer)
	if fault != group.NoFault {
		return refuseSync(req, fault.Assigning())
	}
	resp := refuseSync(req, r.sync.Code)
	if r.sync.Code == group.None {
		resp.ProtocolType, resp.Protocol = &r.sync.ProtocolType, &r.sync.Protocol
		resp.MemberAssignment = r.sync.Assignment
	}
	return resp
}

func syncOf(req *kmsg.SyncGroupRequest, token group.Token) *group.Sync {
	s := &group.Sync{
		Token:        token,
		MemberID:     req.MemberID,
		InstanceID:   req.InstanceID,
		Generation:   req.Generation,
		ProtocolType: req.ProtocolType,
		Protocol:     req.Protocol,
		Assignments:  make([]group.Assignment, len(req.GroupAssignment)),
	}
	for i := range req.GroupAssignment {
		a := &req.GroupAssignment[i]
		s.Assignments[i] = group.Assignment{MemberID: a.MemberID, Bytes: a.MemberAssignment}
	}
	return s
}

func refuseSync(req *kmsg.SyncGroupRequest, code group.Code) *kmsg.SyncGroupResponse {
	resp := kmsg.NewPtrSyncGroupResponse()
	resp.Version, resp.ErrorCode = req.Version, int16(code)
	return resp
}
