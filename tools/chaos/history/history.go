// Package history records what clients did and saw while a cluster was broken
// and mended: one event for each thing begun and each thing ended.
//
//	file    zstd of lines, one JSON object each; the first is the event Began
//	event   {"t":ns,"p":process,"e":"invoke|ok|fail|info","f":"send|poll|…", …}
//
// An operation is invoked, and later it is ok (it happened), fail (it certainly
// did not) or info (nobody knows). Everything a check concludes hangs on that:
// what is not provably one of the others is info. Operations that only read have
// one event, with the time of their beginning in it. A process is one client's
// life: when a client is thrown away, the next has another number.
package history

// Type is what became of an operation.
type Type string

// The types of events.
const (
	Invoke Type = "invoke"
	OK     Type = "ok"
	Fail   Type = "fail"
	Info   Type = "info"
)

// Op is what an event is about.
type Op string

// The operations, with the fields that they use besides Time, Process and Type.
const (
	Began   Op = "began"   // the run: About
	Process Op = "process" // a client comes to life: Client
	Send    Op = "send"    // Key, Value, Txn; of an ok one, Offset
	Poll    Op = "poll"    // Begin, Runs, Txn
	Assign  Op = "assign"  // from now on the process reads these keys from these offsets: Runs
	Own     Op = "own"     // a group gave or took these keys: Runs
	Commit  Op = "commit"  // of consumed offsets: Begin, Group, Runs
	Fetched Op = "fetched" // what is committed: Begin, Group, Runs
	Ends    Op = "ends"    // where logs end or begin, by Text ("end", "lso", "start"): Begin, Runs, Node
	EndTxn  Op = "txn"     // Txn was committed (ok), aborted (fail), or who knows (info)
	Final   Op = "final"   // everything has been read back (ok) or that did not succeed (info)
	Fault   Op = "fault"   // Value is its number, Text its kind, Node what it befell; ok: it is in force
	Heal    Op = "heal"    // the same; ok: it is over
	Calm    Op = "calm"    // no fault is in force
	Note    Op = "note"    // Text, for people
)

// Event is one line.
type Event struct {
	// Time is in ns since the run began.
	Time    int64 `json:"t"`
	Process int32 `json:"p,omitempty"`
	Type    Type  `json:"e"`
	Op      Op    `json:"f"`
	// Key is a partition: an index of About.Keys.
	Key int32 `json:"k,omitempty"`
	// Value is a record: no two sends of a run have the same. 0 is a record that
	// nobody sent, or that did not hold what was sent.
	Value  int64 `json:"v,omitempty"`
	Offset int64 `json:"o,omitempty"`
	// Begin is when an operation without an invoke event began.
	Begin int64 `json:"b,omitempty"`
	// Txn numbers the transactions of a run; 0 is none.
	Txn    int64   `json:"x,omitempty"`
	Runs   []Run   `json:"r,omitempty"`
	Node   string  `json:"n,omitempty"`
	Group  string  `json:"g,omitempty"`
	Text   string  `json:"s,omitempty"`
	Client *Client `json:"c,omitempty"`
	About  *About  `json:"about,omitempty"`
}

// Run is a stretch of one partition: records with consecutive offsets, or just
// an offset.
type Run struct {
	Key    int32   `json:"k"`
	Offset int64   `json:"o"`
	Values []int64 `json:"v,omitempty"`
}

// Client says what a process promises, and so what may be asked of the cluster.
type Client struct {
	Library string `json:"library"` // "franz-go", "librdkafka"
	// Version is the library's where it matters, as "2.0.2".
	Version string `json:"version,omitempty"`
	// Acks is "all" or "1", of producers. Records acknowledged by a leader alone
	// may be lost; that is reported and not held against the cluster.
	Acks       string `json:"acks,omitempty"`
	Idempotent bool   `json:"idempotent,omitempty"`
	// Group is the group of a consumer that subscribes.
	Group string `json:"group,omitempty"`
	Text  string `json:"text,omitempty"`
}

// About is what a run was.
type About struct {
	Seed    uint64   `json:"seed"`
	Start   string   `json:"start"` // RFC 3339
	Keys    []string `json:"keys"`  // "topic-partition"
	Brokers int      `json:"brokers"`
	// Session is the ZooKeeper session timeout in ns.
	Session int64  `json:"session"`
	Command string `json:"command,omitempty"`
}

// History is a whole run.
type History struct {
	About  About
	Events []Event
}
