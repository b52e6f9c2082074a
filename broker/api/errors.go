package api

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/leatmq/leat/broker/config"
	"github.com/leatmq/leat/broker/session"
	"github.com/leatmq/leat/coordinator/shard"
	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/producer"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/vfs"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/envoy"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
)

// codes says which of Kafka's codes tells a client of an error. The first that
// matches counts; an error that matches none is UNKNOWN_SERVER_ERROR. A test
// proves that every error of the packages below has its line, here or in the
// list of those that never reach a client.
var codes = []struct {
	err  error
	code *kerr.Error
}{
	// A partition and its role.
	{partition.ErrUnknown, kerr.UnknownTopicOrPartition},
	{partition.ErrOffline, kerr.KafkaStorageError},
	{partition.ErrNotLeader, kerr.NotLeaderForPartition},
	{partition.ErrFencedEpoch, kerr.FencedLeaderEpoch},
	{partition.ErrUnknownEpoch, kerr.UnknownLeaderEpoch},
	{partition.ErrNotEnoughReplicas, kerr.NotEnoughReplicas},
	{partition.ErrNotEnoughReplicasAfterAppend, kerr.NotEnoughReplicasAfterAppend},
	{partition.ErrNotFollower, kerr.NotLeaderForPartition},
	{partition.ErrInconsistentID, kerr.InconsistentTopicID},
	{partition.ErrStaleEpoch, kerr.FencedLeaderEpoch},

	// What a producer sent.
	{record.ErrCorrupt, kerr.CorruptMessage},
	{record.ErrInvalidRecord, kerr.InvalidRecord},
	{record.ErrInvalidTimestamp, kerr.InvalidTimestamp},
	{record.ErrTooLarge, kerr.MessageTooLarge},
	{record.ErrUnsupportedCompression, kerr.UnsupportedCompressionType},
	{record.ErrUnsupportedForFormat, kerr.UnsupportedForMessageFormat},
	{compress.ErrUnknownCodec, kerr.UnsupportedCompressionType},
	{compress.ErrTooLarge, kerr.MessageTooLarge},
	{compress.ErrCorrupt, kerr.CorruptMessage},
	{producer.ErrInvalidEpoch, kerr.InvalidProducerEpoch},
	{producer.ErrOutOfOrder, kerr.OutOfOrderSequenceNumber},
	{producer.ErrInvalidTxnState, kerr.InvalidTxnState},
	{producer.ErrCoordinatorFenced, kerr.TransactionCoordinatorFenced},
	{errAcks, kerr.InvalidRequiredAcks},
	{errTimedOut, kerr.RequestTimedOut},
	{errTransactionalID, kerr.TransactionalIDAuthorizationFailed},
	{errEmptyTxnID, kerr.InvalidRequest},
	{errProducerID, kerr.InvalidProducerIDMapping},
	{errInternalTopic, kerr.InvalidTopicException},
	{errNoRecords, kerr.InvalidRecord},

	// The log and its disk.
	{log.ErrOffsetOutOfRange, kerr.OffsetOutOfRange},
	{log.ErrSetTooLarge, kerr.RecordListTooLarge},
	{log.ErrNoSpace, kerr.KafkaStorageError},
	{log.ErrBusy, kerr.KafkaStorageError},
	{log.ErrClosed, kerr.NotLeaderForPartition}, // deleted or moved meanwhile
	{dir.ErrOffline, kerr.KafkaStorageError},
	{dir.ErrUnknown, kerr.UnknownTopicOrPartition},
	{dir.ErrExists, kerr.KafkaStorageError},
	{dir.ErrNotConfigured, kerr.LogDirNotFound},
	{dir.ErrOwner, kerr.KafkaStorageError},
	{dir.ErrNameTooLong, kerr.InvalidTopicException},
	{vfs.ErrLocked, kerr.KafkaStorageError},

	// What a consumer or an administrator asked for.
	{errIsolation, kerr.UnknownServerError},
	{errOldConsumer, kerr.UnsupportedVersion},
	{errTwice, kerr.InvalidRequest},
	{errTimestampVersion, kerr.UnsupportedVersion},
	{errOffsetUnavailable, kerr.OffsetNotAvailable},
	{errNotDeletable, kerr.PolicyViolation},

	// Fetch sessions.
	{session.ErrNotFound, kerr.FetchSessionIDNotFound},
	{session.ErrEpoch, kerr.InvalidFetchSessionEpoch},
	{session.ErrIDs, kerr.FetchSessionTopicIDError},

	// The controller's refusals.
	{plan.ErrTopicExists, kerr.TopicAlreadyExists},
	{plan.ErrUnknownTopic, kerr.UnknownTopicOrPartition},
	{plan.ErrUnknownTopicID, kerr.UnknownTopicID},
	{plan.ErrInvalidTopic, kerr.InvalidTopicException},
	{plan.ErrInvalidPartitions, kerr.InvalidPartitions},
	{plan.ErrInvalidReplication, kerr.InvalidReplicationFactor},
	{plan.ErrInvalidAssignment, kerr.InvalidReplicaAssignment},
	{plan.ErrInvalidConfig, kerr.InvalidConfig},
	{plan.ErrInvalidRequest, kerr.InvalidRequest},
	{plan.ErrReassigning, kerr.ReassignmentInProgress},
	{plan.ErrNoReassignment, kerr.NoReassignmentInProgress},
	{plan.ErrElectionNotNeeded, kerr.ElectionNotNeeded},
	{plan.ErrPreferredUnavailable, kerr.PreferredLeaderNotAvailable},
	{plan.ErrNoEligibleLeader, kerr.EligibleLeadersNotAvailable},
	{plan.ErrRacks, kerr.UnknownServerError},
	{plan.ErrDeletionDisabled, kerr.TopicDeletionDisabled},
	{plan.ErrUnknownBroker, kerr.BrokerNotAvailable},
	{plan.ErrStaleBrokerEpoch, kerr.StaleBrokerEpoch},
	{plan.ErrNotController, kerr.NotController},
	{plan.ErrFencedLeaderEpoch, kerr.FencedLeaderEpoch},
	{plan.ErrInvalidUpdateVersion, kerr.InvalidUpdateVersion},
	{plan.ErrIneligibleReplica, kerr.IneligibleReplica},
	{controller.ErrNotController, kerr.NotController},
	{controller.ErrPending, kerr.RequestTimedOut},
	{envoy.ErrNoController, kerr.NotController},
	{plan.ErrNotController, kerr.NotController},
	{plan.ErrUnknownBroker, kerr.BrokerNotAvailable},
	{plan.ErrStaleBrokerEpoch, kerr.StaleBrokerEpoch},
	{plan.ErrFencedLeaderEpoch, kerr.FencedLeaderEpoch},
	{plan.ErrInvalidUpdateVersion, kerr.InvalidUpdateVersion},
	{plan.ErrIneligibleReplica, kerr.IneligibleReplica},
	{context.DeadlineExceeded, kerr.RequestTimedOut},
	{context.Canceled, kerr.NotController}, // the broker stops: ask again, elsewhere or later
	{topic.ErrInvalidName, kerr.InvalidTopicException},
	{topic.ErrInvalidID, kerr.UnknownTopicID},

	// Configuration. A broker's key with a bad value is INVALID_REQUEST, which
	// the configuration APIs say themselves.
	{config.ErrUnknownKey, kerr.InvalidConfig},
	{config.ErrInvalidValue, kerr.InvalidConfig},
	{config.ErrNotList, kerr.InvalidConfig},
	{config.ErrInvalidRequest, kerr.InvalidRequest},

	// The tree, when it fails under a request.
	{tree.ErrTooLarge, kerr.InvalidRequest},
	{tree.ErrClosed, kerr.BrokerNotAvailable},
	{tree.ErrExpired, kerr.BrokerNotAvailable},

	// Credentials.
	{errNoCredential, kerr.ResourceNotFound},
	{errCredentialTwice, kerr.DuplicateResource},
	{errBadCredential, kerr.UnacceptableCredential},
	{errMechanism, kerr.UnsupportedSaslMechanism},
	{errOperation, kerr.UnknownServerError},

	// Groups.
	{shard.ErrNotLeader, kerr.NotCoordinator},
	{shard.ErrLoading, kerr.CoordinatorLoadInProgress},
	{shard.ErrUnavailable, kerr.CoordinatorNotAvailable},
	{shard.ErrTooLarge, kerr.InvalidCommitOffsetSize},
	{shard.ErrTimedOut, kerr.RequestTimedOut},
}

// codeOf is the code that tells a client of err; 0 for nil.
func codeOf(err error) int16 {
	if err == nil {
		return 0
	}
	if io := (*log.IOError)(nil); errors.As(err, &io) {
		return kerr.KafkaStorageError.Code
	}
	if told := (*kerr.Error)(nil); errors.As(err, &told) {
		return told.Code // another broker's answer
	}
	for i := range codes {
		if errors.Is(err, codes[i].err) {
			return codes[i].code.Code
		}
	}
	return kerr.UnknownServerError.Code
}

// messageOf is the sentence beside a code, nil where there is no error.
func messageOf(err error) *string {
	if err == nil {
		return nil
	}
	text := err.Error()
	return &text
}
