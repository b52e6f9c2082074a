package group

import "time"

// Token names a request that is answered later. 0 is none.
type Token uint64

// Join is a JoinGroup.
type Join struct {
	Token      Token
	MemberID   string  // empty for a member that has none yet
	InstanceID *string // nil for a dynamic member
	// Unique ends the id of a member that gets one by this request.
	Unique     string
	ClientID   string
	ClientHost string

	Session      time.Duration
	Rebalance    time.Duration
	ProtocolType string
	Protocols    []Protocol // in the member's order of preference

	// IDRequired says that a dynamic member without id is sent back with one (KIP-394, from
	// version 4 on).
	IDRequired bool
	// MaySkip says that the client understands SkipAssignment (KIP-814, from version 9 on).
	MaySkip bool
}

// Protocol is a way to assign that a member supports, and what it says for it.
type Protocol struct {
	Name     string
	Metadata []byte
}

// JoinAnswer answers a Join.
type JoinAnswer struct {
	Token        Token
	Code         Code
	MemberID     string
	Generation   int32 // -1 with an error
	ProtocolType string
	Protocol     string
	Leader       string
	// Members are told to the leader only. Their bytes must not be changed.
	Members []JoinedMember
	// SkipAssignment tells the leader that the group has its assignment already.
	SkipAssignment bool
}

// JoinedMember is a member as its leader learns of it.
type JoinedMember struct {
	ID         string
	InstanceID *string
	Metadata   []byte
}

// Sync is a SyncGroup.
type Sync struct {
	Token      Token
	MemberID   string
	InstanceID *string
	Generation int32
	// ProtocolType and Protocol are checked where they are given.
	ProtocolType *string
	Protocol     *string
	// Assignments are the leader's.
	Assignments []Assignment
}

// Assignment is what a member is to do.
type Assignment struct {
	MemberID string
	Bytes    []byte
}

// SyncAnswer answers a Sync.
type SyncAnswer struct {
	Token        Token
	Code         Code
	ProtocolType string
	Protocol     string
	Assignment   []byte // must not be changed
}

// Heartbeat is a Heartbeat.
type Heartbeat struct {
	MemberID   string
	InstanceID *string
	Generation int32
}

// Leaver is one member of a LeaveGroup; Code is the answer.
type Leaver struct {
	MemberID   string // empty to remove a static member by its instance alone
	InstanceID *string
	Code       Code
}

// refuse answers a Join with an error.
func (t *Turn) refuse(j *Join, memberID string, c Code) {
	t.Joined = append(t.Joined, JoinAnswer{Token: j.Token, Code: c, MemberID: memberID, Generation: -1})
}

// refuseSync answers a Sync with an error.
func (t *Turn) refuseSync(token Token, c Code) {
	t.Synced = append(t.Synced, SyncAnswer{Token: token, Code: c})
}
