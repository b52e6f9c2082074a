package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/coordinator/group/entry"
	"github.com/leatmq/leat/log/record"
)

// deleted is how a null value of an internal topic is shown: it deletes its key.
const deleted = "<DELETE>"

// entryJSON is a key or value of __consumer_offsets; keys have a type, values a version.
type entryJSON struct {
	Type    string `json:"type,omitempty"`
	Version string `json:"version,omitempty"`
	Data    any    `json:"data"`
}

// offsetKeyJSON, groupKeyJSON, offsetJSON, groupJSON and memberJSON are laid out as
// Kafka's tool shows them.
type (
	offsetKeyJSON struct {
		Group     string `json:"group"`
		Topic     string `json:"topic"`
		Partition int32  `json:"partition"`
	}
	groupKeyJSON struct {
		Group string `json:"group"`
	}
	offsetJSON struct {
		Offset   int64  `json:"offset"`
		Epoch    *int32 `json:"leaderEpoch,omitempty"`
		Metadata string `json:"metadata"`
		Commit   int64  `json:"commitTimestamp"`
		Expire   *int64 `json:"expireTimestamp,omitempty"`
	}
	groupJSON struct {
		ProtocolType string       `json:"protocolType"`
		Generation   int32        `json:"generation"`
		Protocol     *string      `json:"protocol"`
		Leader       *string      `json:"leader"`
		Since        *int64       `json:"currentStateTimestamp,omitempty"`
		Members      []memberJSON `json:"members"`
	}
	memberJSON struct {
		ID           string  `json:"memberId"`
		InstanceID   *string `json:"groupInstanceId"`
		ClientID     string  `json:"clientId"`
		ClientHost   string  `json:"clientHost"`
		RebalanceMs  int32   `json:"rebalanceTimeout"`
		SessionMs    int32   `json:"sessionTimeout"`
		Subscription any     `json:"subscription"`
		Assignment   any     `json:"assignment"`
	}
	partitionsJSON struct {
		Topic      string  `json:"topic"`
		Partitions []int32 `json:"partitions"`
	}
	subscriptionJSON struct {
		Topics   []string         `json:"topics"`
		UserData []byte           `json:"userData"`
		Owned    []partitionsJSON `json:"ownedPartitions"`
		Epoch    int32            `json:"generationId"`
		Rack     *string          `json:"rackId"`
	}
	assignmentJSON struct {
		Assigned []partitionsJSON `json:"assignedPartitions"`
		UserData []byte           `json:"userData"`
	}
)

// decodeOffsets shows a record of __consumer_offsets.
func decodeOffsets(r *record.Record) (key, value string, hasKey, hasValue bool) {
	k, err := entry.ReadKey(r.Key)
	kind := strconv.Itoa(int(k.Kind))
	if err != nil || k.Kind > entry.Group || k.Kind < 0 {
		key = oneLine(entryJSON{Type: kind, Data: "unknown"})
	} else if k.Kind == entry.Group {
		key = oneLine(entryJSON{Type: kind, Data: groupKeyJSON{string(k.Group)}})
	} else {
		key = oneLine(entryJSON{Type: kind, Data: offsetKeyJSON{string(k.Group), string(k.Topic), k.Partition}})
	}
	if r.Value == nil {
		return key, deleted, true, true
	}
	shown := entryJSON{Data: "unknown"}
	if len(r.Value) >= 2 && err == nil && k.Kind <= entry.Group {
		version := int16(binary.BigEndian.Uint16(r.Value))
		shown.Version = strconv.Itoa(int(version))
		if k.Kind == entry.Group {
			shown.Data = groupOf(r.Value, version)
		} else {
			shown.Data = offsetOf(r.Value, version)
		}
	}
	return key, oneLine(shown), true, true
}

// offsetOf shows a committed offset.
func offsetOf(b []byte, version int16) any {
	v, err := entry.ReadOffset(b)
	if err != nil {
		return err.Error()
	}
	j := offsetJSON{Offset: v.Offset, Metadata: v.Metadata, Commit: v.CommitMs}
	if version >= 3 {
		j.Epoch = &v.LeaderEpoch
	}
	if version == 1 {
		j.Expire = &v.ExpireMs
	}
	return j
}

// groupOf shows a group.
func groupOf(b []byte, version int16) any {
	v, err := entry.ReadGroup(b)
	if err != nil {
		return err.Error()
	}
	j := groupJSON{ProtocolType: v.ProtocolType, Generation: v.Generation, Protocol: v.Protocol, Leader: v.Leader, Members: []memberJSON{}}
	if version >= 2 {
		j.Since = &v.SinceMs
	}
	for _, m := range v.Members {
		shown := memberJSON{m.ID, m.InstanceID, m.ClientID, m.ClientHost, m.RebalanceMs, m.SessionMs, m.Subscription, m.Assignment}
		if v.ProtocolType == "consumer" {
			shown.Subscription, shown.Assignment = subscriptionOf(m.Subscription), assignmentOf(m.Assignment)
		}
		j.Members = append(j.Members, shown)
	}
	return j
}

// subscriptionOf shows what a consumer subscribed to, or its bytes.
func subscriptionOf(b []byte) any {
	m := kmsg.NewConsumerMemberMetadata()
	if err := m.ReadFrom(b); err != nil {
		return b
	}
	j := subscriptionJSON{Topics: m.Topics, UserData: m.UserData, Owned: []partitionsJSON{}, Epoch: m.Generation, Rack: m.Rack}
	for _, o := range m.OwnedPartitions {
		j.Owned = append(j.Owned, partitionsJSON{o.Topic, o.Partitions})
	}
	return j
}

// assignmentOf shows what a consumer was assigned, or the bytes.
func assignmentOf(b []byte) any {
	m := kmsg.NewConsumerMemberAssignment()
	if err := m.ReadFrom(b); err != nil {
		return b
	}
	j := assignmentJSON{Assigned: []partitionsJSON{}, UserData: m.UserData}
	for _, t := range m.Topics {
		j.Assigned = append(j.Assigned, partitionsJSON{t.Topic, t.Partitions})
	}
	return j
}

// txnStates are the states of a transaction by their number in the log.
var txnStates = []string{"Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead", "PrepareEpochFence"}

// decodeTransactions shows a record of __transaction_state.
func decodeTransactions(r *record.Record) (key, value string, hasKey, hasValue bool) {
	k := kmsg.NewTxnMetadataKey()
	if err := k.ReadFrom(r.Key); err != nil {
		key = "unknown"
	} else {
		key = "transaction_metadata::transactionalId=" + k.TransactionalID
	}
	if r.Value == nil {
		return key, deleted, true, true
	}
	v := kmsg.NewTxnMetadataValue()
	if err := v.ReadFrom(r.Value); err != nil {
		return key, err.Error(), true, true
	}
	state := strconv.Itoa(int(v.State))
	if s := int(v.State); s >= 0 && s < len(txnStates) {
		state = txnStates[s]
	}
	var partitions []string
	for _, t := range v.Topics {
		for _, p := range t.Partitions {
			partitions = append(partitions, fmt.Sprintf("%s-%d", t.Topic, p))
		}
	}
	slices.Sort(partitions)
	return key, fmt.Sprintf("producerId:%d,producerEpoch:%d,state=%s,partitions=[%s],txnLastUpdateTimestamp=%d,txnTimeoutMs=%d",
		v.ProducerID, v.ProducerEpoch, state, strings.Join(partitions, ","), v.LastUpdateTimestamp, v.TimeoutMillis), true, true
}

// oneLine is v as JSON.
func oneLine(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(b.String(), "\n")
}
