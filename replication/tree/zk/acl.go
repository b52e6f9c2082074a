package zk

import (
	"strings"

	"github.com/go-zookeeper/zk"
)

// private are the folders below which only the creator may read: they hold
// secrets.
var private = []string{"/config/users", "/config/brokers", "/delegation_token/tokens"}

// open is the folder below which anyone may write, as old consumers do.
const openFolder = "/consumers"

// acl is the access list of a new node. Without Options.ACL everyone may do
// everything. With it the creator may do everything, and others may read what
// holds no secrets.
func (t *Tree) acl(full string) []zk.ACL {
	path := strings.TrimPrefix(full, t.chroot)
	if !t.o.ACL || within(path, openFolder) {
		return zk.WorldACL(zk.PermAll)
	}
	list := zk.AuthACL(zk.PermAll)
	for _, folder := range private {
		if within(path, folder) {
			return list
		}
	}
	return append(list, zk.WorldACL(zk.PermRead)...)
}

func within(path, folder string) bool {
	return path == folder || strings.HasPrefix(path, folder+"/")
}
