package znode

import (
	"strconv"
	"strings"

	"github.com/leatmq/leat/replication/image"
)

// Fixed paths.
const (
	BrokerIDs       = "/brokers/ids"
	BrokerSequence  = "/brokers/seqid"
	Topics          = "/brokers/topics"
	ControllerPath  = "/controller"
	ControllerEpoch = "/controller_epoch"
	ClusterIDPath   = "/cluster/id"
	FeaturePath     = "/feature"
	ProducerIDPath  = "/latest_producer_id_block"
	Configs         = "/config"
	ConfigChanges   = "/config/changes"
	DeleteTopics    = "/admin/delete_topics"
	Reassign        = "/admin/reassign_partitions"
	PreferredLeader = "/admin/preferred_replica_election"
	IsrChanges      = "/isr_change_notification"
	LogDirEvents    = "/log_dir_event_notification"
	Consumers       = "/consumers"
)

// Persistent are the nodes that every broker makes sure of when it starts, in
// Kafka's order. They have no data.
func Persistent() []string {
	return []string{
		Consumers, BrokerIDs, Topics, ConfigChanges, DeleteTopics, BrokerSequence,
		IsrChanges, ProducerIDPath, LogDirEvents,
		"/config/topics", "/config/clients", "/config/users", "/config/brokers", "/config/ips",
	}
}

// BrokerPath is a broker's registration.
func BrokerPath(id int32) string { return BrokerIDs + "/" + itoa(id) }

// TopicPath is a topic's assignment.
func TopicPath(topic string) string { return Topics + "/" + topic }

// PartitionsPath is above a topic's partitions.
func PartitionsPath(topic string) string { return TopicPath(topic) + "/partitions" }

// PartitionPath is above a partition's state.
func PartitionPath(topic string, partition int32) string {
	return PartitionsPath(topic) + "/" + itoa(partition)
}

// StatePath is who leads a partition.
func StatePath(topic string, partition int32) string {
	return PartitionPath(topic, partition) + "/state"
}

// DeleteTopicPath marks a topic for deletion.
func DeleteTopicPath(topic string) string { return DeleteTopics + "/" + topic }

// ConfigPath is an entity's configuration.
func ConfigPath(e image.Entity) string { return Configs + "/" + e.Path() }

// ConfigChangePrefix is a notification, before its sequence number.
const ConfigChangePrefix = ConfigChanges + "/config_change_"

// ConsumerOffsetPath is an offset committed with OffsetCommit version 0.
func ConsumerOffsetPath(group, topic string, partition int32) string {
	return Consumers + "/" + group + "/offsets/" + topic + "/" + itoa(partition)
}

func itoa(n int32) string { return strconv.FormatInt(int64(n), 10) }

// Sanitize makes a user or client name fit for a path: URL-encoded as Java
// does, with '+' and '*' encoded too. "<default>" is the caller's business.
func Sanitize(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '.', c == '-', c == '_':
			b.WriteByte(c)
		default:
			b.WriteByte('%')
			b.WriteByte("0123456789ABCDEF"[c>>4])
			b.WriteByte("0123456789ABCDEF"[c&15])
		}
	}
	return b.String()
}

// Desanitize reads what Sanitize wrote; ok is false for a broken escape.
func Desanitize(text string) (name string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		if i+2 >= len(text) {
			return "", false
		}
		n, err := strconv.ParseUint(text[i+1:i+3], 16, 8)
		if err != nil {
			return "", false
		}
		b.WriteByte(byte(n))
		i += 2
	}
	return b.String(), true
}
