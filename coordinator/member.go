package coordinator

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/coordinator/group"
)

// Heartbeat answers Heartbeat. While the group is loading it is taken for granted.
func (g *Groups) Heartbeat(req *kmsg.HeartbeatRequest) *kmsg.HeartbeatResponse {
	resp := kmsg.NewPtrHeartbeatResponse()
	resp.Version = req.Version
	resp.ErrorCode = int16(g.heartbeat(req))
	return resp
}

func (g *Groups) heartbeat(req *kmsg.HeartbeatRequest) group.Code {
	if req.Group == "" {
		return group.InvalidGroupID
	}
	sh, code := g.enter(req.Group)
	switch code {
	case group.None:
	case group.LoadInProgress:
		return group.None
	default:
		return code
	}
	defer sh.Leave()
	l := sh.Machine
	code = l.table.Heartbeat(&l.turn, req.Group, &group.Heartbeat{
		MemberID: req.MemberID, InstanceID: req.InstanceID, Generation: req.Generation,
	})
	l.settle(&sh.Writer)
	return code
}

// leaveBatchFrom is the version of LeaveGroup from which several members can leave.
const leaveBatchFrom = 3

// Leave answers LeaveGroup.
func (g *Groups) Leave(req *kmsg.LeaveGroupRequest) *kmsg.LeaveGroupResponse {
	resp := kmsg.NewPtrLeaveGroupResponse()
	resp.Version = req.Version
	leavers := leaversOf(req)
	code := g.leave(req.Group, leavers)
	resp.ErrorCode = int16(code)
	if code != group.None {
		return resp
	}
	if req.Version < leaveBatchFrom {
		resp.ErrorCode = int16(leavers[0].Code)
		return resp
	}
	resp.Members = make([]kmsg.LeaveGroupResponseMember, len(leavers))
	for i, l := range leavers {
		m := kmsg.NewLeaveGroupResponseMember()
		m.MemberID, m.InstanceID, m.ErrorCode = l.MemberID, l.InstanceID, int16(l.Code)
		resp.Members[i] = m
	}
	return resp
}

func (g *Groups) leave(groupID string, leavers []group.Leaver) group.Code {
	if groupID == "" {
		return group.InvalidGroupID
	}
	sh, code := g.enter(groupID)
	if code != group.None {
		return code
	}
	defer sh.Leave()
	l := sh.Machine
	l.table.Leave(&l.turn, groupID, leavers)
	l.settle(&sh.Writer)
	return group.None
}

func leaversOf(req *kmsg.LeaveGroupRequest) []group.Leaver {
	if req.Version < leaveBatchFrom {
		return []group.Leaver{{MemberID: req.MemberID}}
	}
	leavers := make([]group.Leaver, len(req.Members))
	for i := range req.Members {
		leavers[i] = group.Leaver{MemberID: req.Members[i].MemberID, InstanceID: req.Members[i].InstanceID}
	}
	return leavers
}
