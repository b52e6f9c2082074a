package group

import "strconv"

// Code is one of Kafka's error codes, 0 for none.
type Code int16

// The codes that a group answers.
const (
	None                    Code = 0
	UnknownServerError      Code = -1
	MessageTooLarge         Code = 10 // a member with more bytes than Config.MaxMember
	MetadataTooLarge        Code = 12
	LoadInProgress          Code = 14
	CoordinatorNotAvailable Code = 15
	NotCoordinator          Code = 16
	IllegalGeneration       Code = 22
	InconsistentProtocol    Code = 23
	InvalidGroupID          Code = 24
	UnknownMember           Code = 25
	InvalidSessionTimeout   Code = 26
	RebalanceInProgress     Code = 27
	InvalidCommitSize       Code = 28
	NonEmptyGroup           Code = 68
	GroupNotFound           Code = 69
	TimedOut                Code = 7
	InvalidRequest          Code = 42
	MemberIDRequired        Code = 79
	GroupFull               Code = 81
	FencedInstance          Code = 82
	SubscribedToTopic       Code = 86
	UnstableOffset          Code = 88
)

// String is the number.
func (c Code) String() string { return strconv.Itoa(int(c)) }

// Fault is why records could not be appended.
type Fault uint8

// The faults that are answered differently.
const (
	NoFault     Fault = iota
	NotLeader         // the partition is led elsewhere by now
	Unavailable       // the partition takes no records now
	TooLarge          // the partition does not take so large a batch
	Late              // the replicas did not take it in time
	Broken            // anything else
)

// Committing is how a fault is told to who commits or deletes offsets.
func (f Fault) Committing() Code {
	switch f {
	case NoFault:
		return None
	case NotLeader:
		return NotCoordinator
	case Unavailable:
		return CoordinatorNotAvailable
	case TooLarge:
		return InvalidCommitSize
	case Late:
		return TimedOut
	default:
		return UnknownServerError
	}
}

// Fetching is how a fault is told to who asks for committed offsets. Java's consumers ask again
// when the group is being loaded, and elsewhere when its coordinator is another; whatever else
// they are told they give up at.
func (f Fault) Fetching() Code {
	switch f {
	case Late:
		return LoadInProgress
	case Unavailable:
		return NotCoordinator
	default:
		return f.Committing()
	}
}

// Assigning is how a fault is told to members that wait for their assignment.
func (f Fault) Assigning() Code {
	switch f {
	case TooLarge:
		return UnknownServerError
	case Late:
		return RebalanceInProgress
	default:
		return f.Committing()
	}
}
