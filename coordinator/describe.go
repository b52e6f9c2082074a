package coordinator

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/coordinator/group"
	"github.com/leatmq/leat/coordinator/shard"
)

// classic is the type of all groups here, as ListGroups tells it.
const classic = "classic"

// unknownFrom is the version of DescribeGroups that tells an unknown group from a dead one.
const unknownFrom = 6

// Describe answers DescribeGroups; authorised operations are left to the caller.
func (g *Groups) Describe(_ context.Context, req *kmsg.DescribeGroupsRequest) *kmsg.DescribeGroupsResponse {
	resp := kmsg.NewPtrDescribeGroupsResponse()
	resp.Version = req.Version
	resp.Groups = make([]kmsg.DescribeGroupsResponseGroup, len(req.Groups))
	for i, id := range req.Groups {
		resp.Groups[i] = g.describe(id, req.Version)
	}
	return resp
}

func (g *Groups) describe(groupID string, version int16) kmsg.DescribeGroupsResponseGroup {
	resp := kmsg.NewDescribeGroupsResponseGroup()
	resp.Group = groupID
	sh, code := g.enter(groupID)
	if code != group.None {
		resp.ErrorCode = int16(code)
		return resp
	}
	defer sh.Leave()
	of := sh.Machine.table.Get(groupID)
	if of == nil {
		resp.State = group.Dead.String()
		if version >= unknownFrom {
			resp.ErrorCode = int16(group.GroupNotFound)
		}
		return resp
	}
	d := of.Describe()
	resp.State, resp.ProtocolType, resp.Protocol = d.State.String(), d.ProtocolType, d.Protocol
	resp.Members = make([]kmsg.DescribeGroupsResponseGroupMember, len(d.Members))
	for i := range d.Members {
		m := kmsg.NewDescribeGroupsResponseGroupMember()
		m.MemberID, m.InstanceID = d.Members[i].ID, d.Members[i].InstanceID
		m.ClientID, m.ClientHost = d.Members[i].ClientID, d.Members[i].ClientHost
		m.ProtocolMetadata, m.MemberAssignment = d.Members[i].Metadata, d.Members[i].Assignment
		resp.Members[i] = m
	}
	return resp
}

// List answers ListGroups with the groups whose partitions are led here.
func (g *Groups) List(req *kmsg.ListGroupsRequest) *kmsg.ListGroupsResponse {
	resp := kmsg.NewPtrListGroupsResponse()
	resp.Version = req.Version
	all, loading := g.summaries()
	if loading {
		resp.ErrorCode = int16(group.LoadInProgress)
	}
	if len(req.TypesFilter) > 0 && !containsFold(req.TypesFilter, classic) {
		return resp
	}
	for _, s := range all {
		state := s.State.String()
		if len(req.StatesFilter) > 0 && !containsFold(req.StatesFilter, state) {
			continue
		}
		r := kmsg.NewListGroupsResponseGroup()
		r.Group, r.ProtocolType, r.GroupState, r.GroupType = s.ID, s.ProtocolType, state, classic
		resp.Groups = append(resp.Groups, r)
	}
	return resp
}

// summaries are the groups led here, by id, and whether some are still being loaded.
func (g *Groups) summaries() (all []group.Summary, loading bool) {
	for _, sh := range g.shards.All() {
		if err := sh.Again(); err != nil {
			loading = loading || errors.Is(err, shard.ErrLoading)
			continue
		}
		for of := range sh.Machine.table.All() {
			all = append(all, of.Summary())
		}
		sh.Leave()
	}
	slices.SortFunc(all, func(a, b group.Summary) int { return cmp.Compare(a.ID, b.ID) })
	return all, loading
}

func containsFold(all []string, s string) bool {
	return slices.ContainsFunc(all, func(one string) bool { return strings.EqualFold(one, s) })
}
