package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// maxKey is the largest API key that can be served.
const maxKey = 94

// route is one API: the versions served, and who answers.
type route struct {
	key      kmsg.Key
	min, max int16
	handle   handler
}

// handler answers one request of a version that its route has.
type handler func(ctx context.Context, r *server.Request, w *server.Response) server.Outcome

// served is the table of all APIs. ApiVersions tells exactly this. Each range
// is the one that Kafka 3.9 has.
func (a *API) served() []route {
	return []route{
		// Records.
		{kmsg.Produce, 0, 11, a.produce},
		{kmsg.Fetch, 0, 17, a.fetch},
		{kmsg.ListOffsets, 0, 9, typed(a.listOffsets)},
		{kmsg.OffsetForLeaderEpoch, 0, 4, typed(a.offsetForLeaderEpoch)},
		{kmsg.DeleteRecords, 0, 2, typed(a.deleteRecords)},
		{kmsg.DescribeProducers, 0, 0, typed(a.describeProducers)},

		// The broker and the cluster.
		{kmsg.ApiVersions, 0, 4, typed(a.apiVersions)},
		{kmsg.Metadata, 0, 12, a.metadata},
		{kmsg.DescribeCluster, 0, 1, typed(a.describeCluster)},
		{kmsg.InitProducerID, 0, 5, typed(a.initProducerID)},
		{kmsg.UpdateFeatures, 0, 1, typed(atController(a, a.updateFeatures))},
		{kmsg.SASLHandshake, 0, 1, typed(a.saslHandshake)},
		{kmsg.SASLAuthenticate, 0, 2, typed(a.saslAuthenticate)},

		// Topics, configurations and other administration.
		{kmsg.CreateTopics, 0, 7, typed(atController(a, a.createTopics))},
		{kmsg.DeleteTopics, 0, 6, typed(atController(a, a.deleteTopics))},
		{kmsg.CreatePartitions, 0, 3, typed(atController(a, a.createPartitions))},
		{kmsg.DescribeTopicPartitions, 0, 0, typed(a.describeTopicPartitions)},
		{kmsg.ElectLeaders, 0, 2, typed(atController(a, a.electLeaders))},
		{kmsg.AlterPartitionAssignments, 0, 0, typed(atController(a, a.alterPartitionReassignments))},
		{kmsg.ListPartitionReassignments, 0, 0, typed(atController(a, a.listPartitionReassignments))},
		{kmsg.DescribeConfigs, 0, 4, typed(a.describeConfigs)},
		{kmsg.AlterConfigs, 0, 2, typed(a.alterConfigs)},
		{kmsg.IncrementalAlterConfigs, 0, 1, typed(a.incrementalAlterConfigs)},
		{kmsg.DescribeLogDirs, 0, 4, typed(a.describeLogDirs)},
		{kmsg.AlterReplicaLogDirs, 0, 2, typed(a.alterReplicaLogDirs)},
		{kmsg.DescribeACLs, 0, 3, typed(a.describeACLs)},
		{kmsg.CreateACLs, 0, 3, typed(a.createACLs)},
		{kmsg.DeleteACLs, 0, 3, typed(a.deleteACLs)},
		{kmsg.DescribeClientQuotas, 0, 1, typed(a.describeClientQuotas)},
		{kmsg.AlterClientQuotas, 0, 1, typed(a.alterClientQuotas)},
		{kmsg.DescribeUserSCRAMCredentials, 0, 0, typed(a.describeUserSCRAMCredentials)},
		{kmsg.AlterUserSCRAMCredentials, 0, 0, typed(a.alterUserSCRAMCredentials)},
		{kmsg.CreateDelegationToken, 0, 3, typed(a.createDelegationToken)},
		{kmsg.RenewDelegationToken, 0, 2, typed(a.renewDelegationToken)},
		{kmsg.ExpireDelegationToken, 0, 2, typed(a.expireDelegationToken)},
		{kmsg.DescribeDelegationToken, 0, 3, typed(a.describeDelegationToken)},

		// Consumer groups.
		{kmsg.OffsetCommit, 0, 9, typed(a.offsetCommit)},
		{kmsg.OffsetFetch, 0, 9, typed(a.offsetFetch)},
		{kmsg.FindCoordinator, 0, 6, typed(a.findCoordinator)},
		{kmsg.JoinGroup, 0, 9, typed(a.joinGroup)},
		{kmsg.Heartbeat, 0, 4, typed(a.heartbeat)},
		{kmsg.LeaveGroup, 0, 5, typed(a.leaveGroup)},
		{kmsg.SyncGroup, 0, 5, typed(a.syncGroup)},
		{kmsg.DescribeGroups, 0, 5, typed(a.describeGroups)},
		{kmsg.ListGroups, 0, 5, typed(a.listGroups)},
		{kmsg.DeleteGroups, 0, 2, typed(a.deleteGroups)},
		{kmsg.OffsetDelete, 0, 0, typed(a.offsetDelete)},
	}
}

// typed makes a handler of a function over kmsg's messages. An error of the
// function closes the connection; everything else is said in the answer, which
// is written at the version of the request.
func typed[Q kmsg.Request, A kmsg.Response](answer func(context.Context, *server.Request, Q) (A, error)) handler {
	return func(ctx context.Context, r *server.Request, w *server.Response) server.Outcome {
		request := kmsg.RequestForKey(r.Key).(Q)
		if err := decode(request, r); err != nil {
			return r.Untrusted(err)
		}
		response, err := answer(ctx, r, request)
		if err != nil {
			return r.Untrusted(err)
		}
		response.SetVersion(r.Version)
		w.Buf = response.AppendTo(w.Buf)
		return server.Answered
	}
}
