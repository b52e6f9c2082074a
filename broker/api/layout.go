package api

import "github.com/twmb/franz-go/pkg/kmsg"

// layouts says how the body of each request lies on the wire, so that decode
// can walk it before anything is allocated for it. One word is one field, in
// wire order:
//
//	1 2 4 8   integer (or bool, or float) of so many bytes
//	u         uuid, 16 bytes
//	s         string
//	y         bytes
//	[ … ]     array of what stands inside
//	{ … }     is not needed: each element of an array that holds more than one
//	          field, or a field in parentheses, is a struct
//	( … )     struct of one field, as an array element
//
// Behind a field: ? where null is allowed (?4+ only from version 4), and the
// versions that have the field: :3+ or :0-7. In flexible versions every struct,
// and the body, ends with tagged fields.
//
// Produce and Fetch have decoders of their own.
var layouts = map[kmsg.Key]string{
	kmsg.ListOffsets:                  "4 1:2+ [s [4 4:4+ 8 4:0-0]]",
	kmsg.Metadata:                     "[u:10+ s?10+]?1+ 1:4+ 1:8-10 1:8+",
	kmsg.OffsetCommit:                 "s 4:1+ s:1+ s?:7+ 8:2-4 [s [4 8 4:6+ 8:1-1 s?]]",
	kmsg.OffsetFetch:                  "s:0-7 [s [4]]?2+:0-7 [s s?:9+ 4:9+ [s [4]]?]:8+ 1:7+",
	kmsg.FindCoordinator:              "s:0-3 1:1+ [s]:4+",
	kmsg.JoinGroup:                    "s 4 4:1+ s s?:5+ s [s y] s?:8+",
	kmsg.Heartbeat:                    "s 4 s s?:3+",
	kmsg.LeaveGroup:                   "s s:0-2 [s s? s?:5+]:3+",
	kmsg.SyncGroup:                    "s 4 s s?:3+ s?:5+ s?:5+ [s y]",
	kmsg.DescribeGroups:               "[s] 1:3+",
	kmsg.ListGroups:                   "[s]:4+ [s]:5+",
	kmsg.SASLHandshake:                "s",
	kmsg.ApiVersions:                  "s:3+ s:3+",
	kmsg.CreateTopics:                 "[s 4 2 [4 [4]] [s s?]] 4 1:1+",
	kmsg.DeleteTopics:                 "[s? u]:6+ [s]:0-5 4",
	kmsg.DeleteRecords:                "[s [4 8]] 4",
	kmsg.InitProducerID:               "s? 4 8:3+ 2:3+",
	kmsg.OffsetForLeaderEpoch:         "4:3+ [s [4 4:2+ 4]]",
	kmsg.DescribeACLs:                 "1 s? 1:1+ s? s? 1 1",
	kmsg.CreateACLs:                   "[1 s 1:1+ s s 1 1]",
	kmsg.DeleteACLs:                   "[1 s? 1:1+ s? s? 1 1]",
	kmsg.DescribeConfigs:              "[1 s [s]?] 1:1+ 1:3+",
	kmsg.AlterConfigs:                 "[1 s [s s?]] 1",
	kmsg.AlterReplicaLogDirs:          "[s [s [4]]]",
	kmsg.DescribeLogDirs:              "[s [4]]?",
	kmsg.SASLAuthenticate:             "y",
	kmsg.CreatePartitions:             "[s 4 [([4])]?] 4 1",
	kmsg.CreateDelegationToken:        "s?:3+ s?:3+ [s s] 8",
	kmsg.RenewDelegationToken:         "y 8",
	kmsg.ExpireDelegationToken:        "y 8",
	kmsg.DescribeDelegationToken:      "[s s]?",
	kmsg.DeleteGroups:                 "[s]",
	kmsg.ElectLeaders:                 "1:1+ [s [4]]? 4",
	kmsg.IncrementalAlterConfigs:      "[1 s [s 1 s?]] 1",
	kmsg.AlterPartitionAssignments:    "4 [s [4 [4]?]]",
	kmsg.ListPartitionReassignments:   "4 [s [4]]?",
	kmsg.OffsetDelete:                 "s [s [(4)]]",
	kmsg.DescribeClientQuotas:         "[s 1 s?] 1",
	kmsg.AlterClientQuotas:            "[[s s?] [s 8 1]] 1",
	kmsg.DescribeUserSCRAMCredentials: "[(s)]?",
	kmsg.AlterUserSCRAMCredentials:    "[s 1] [s 1 4 y y]",
	kmsg.UpdateFeatures:               "4 [s 2 1:0-0 1:1+] 1:1+",
	kmsg.DescribeCluster:              "1 1:1+",
	kmsg.DescribeProducers:            "[s [4]]",
	kmsg.DescribeTransactions:         "[s]",
	kmsg.ListTransactions:             "[s] [8] 8:1+",
	kmsg.DescribeTopicPartitions:      "[(s)] 4 {s 4}?",

	// Between brokers.
	kmsg.LeaderAndISR: "4 1:7+ 4 8:2+ 1:5+ [s 4 4 4 4 [4] 4 [4] 1:1+]:0-1 " +
		"[s u:5+ [4 4 4 4 [4] 4 [4] [4]:3+ [4]:3+ 1:1+ 1:6+]]:2+ [4 s 4]",
	kmsg.StopReplica: "4 4 1:4+ 8:1+ 1:0-2 [s 4:0-0 [4]:1-2 [4 4 1]:3+]",
	kmsg.UpdateMetadata: "4 1:8+ 4 8:5+ [s 4 4 4 4 [4] 4 [4] [4]:4+]:0-4 [s u:7+ [4 4 4 4 [4] 4 [4] [4]]]:5+ " +
		"[4 s:0-0 4:0-0 [4 s s:3+ 2]:1+ s?:2+]",
	kmsg.ControlledShutdown:  "4 8:2+",
	kmsg.AlterPartition:      "4 8 [s:0-1 u:2+ [4 4 [4]:0-2 [4 8]:3+ 1:1+ 4]]",
	kmsg.AllocateProducerIDs: "4 8",
}
