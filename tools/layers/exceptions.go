package layers

import "strings"

// Exception is a place where a rule does not hold, with the reason.
type Exception struct {
	Rule  string
	Where string // a file, or a folder and all below it
	Text  string // what the finding's text begins with; "" for any
	Why   string
}

func (e Exception) covers(f Finding) bool {
	return e.Rule == f.Rule && within(f.File, e.Where) && strings.HasPrefix(f.Text, e.Text)
}

// Exceptions are the places in the tree that a rule does not reach.
var Exceptions = []Exception{
	// Goroutines that are waited for, but not by the function that starts them.
	{"goroutine", "broker/server/drain.go", "drain", "waits for the connections; it ends when the last of them does, which drain hastens"},
	{"goroutine", "cmd/leat/progress.go", "startMeter", "draws until the meter's stop, which waits for it"},
	{"goroutine", "tools/spawn/process.go", "wait", "waits for the child process; Kill and Stop wait for it"},
	{"goroutine", "tools/bench/subject.go", "start", "waits for the child process; its end waits for it"},

	// Results that say nothing new: the socket ends anyway.
	{"swallowed", "broker/server/drain.go", "", "a deadline on a socket that is closed already"},
	{"swallowed", "broker/server/server_test.go", "", "ends what the test may have ended already"},
	{"swallowed", "broker/server/peers_test.go", "", "writes until the server stops reading, which is the test"},
	{"swallowed", "log/compress/compress_test.go", "", "fills the pools with what must be refused; the test proper follows"},
	{"swallowed", "tools/bench", "", "closes sockets of a measurement that is over"},

	// Budgets that are over.
	{"params", "broker/server/input_test.go", "feed", "a reader's whole state, in one test"},
	{"params", "log/append.go", "write", "three places in the log: where a set begins, its largest timestamp, where it ends"},
	{"params", "log/segment/read.go", "cutSlowly", "the loop of its caller, taken out to be seen"},
	{"params", "replication/plan/place.go", "replicas", "the arguments of Kafka's placement, by its names"},
	{"params", "replication/plan/place.go", "follow", "the arguments of Kafka's placement, by its names"},
}
