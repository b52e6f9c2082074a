package check

import "fmt"

// What old libraries do by themselves is not held against the cluster.
var (
	// Before it, librdkafka takes a record whose request was lost for delivered when
	// a later record is (its pull request 4438). It then has no offset.
	guessesNoMore = [2]int{2, 3}
	// Before it, librdkafka names no leader epoch when it fetches (KIP-320): a broker
	// that believes itself the leader still says that there is no such offset, and
	// the library begins anew.
	namesEpochs = [2]int{2, 1}
)

// before tells whether a process runs librdkafka, of a version before that one or
// of one that nobody noted.
func (x *Index) before(process int32, version [2]int) bool {
	c := x.Clients[process]
	if c.Library != "librdkafka" {
		return false
	}
	var has [2]int
	if _, err := fmt.Sscanf(c.Version, "%d.%d", &has[0], &has[1]); err != nil {
		return true
	}
	return has[0] < version[0] || has[0] == version[0] && has[1] < version[1]
}
