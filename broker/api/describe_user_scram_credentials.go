package api

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/znode"
)

// describeUserSCRAMCredentials answers DescribeUserScramCredentials (50): which
// users have which kinds of credentials (KIP-554). No users given means all.
func (a *API) describeUserSCRAMCredentials(_ context.Context, _ *server.Request, q *kmsg.DescribeUserSCRAMCredentialsRequest) (*kmsg.DescribeUserSCRAMCredentialsResponse, error) {
	out := kmsg.NewPtrDescribeUserSCRAMCredentialsResponse()
	out.ErrorMessage = text("")
	im := a.Image()
	if len(q.Users) == 0 {
		for _, at := range im.Entities(image.UserEntity) {
			name, ok := znode.Desanitize(at.Name)
			if infos := scramInfos(im.Config(at)); ok && len(infos) > 0 {
				out.Results = append(out.Results, scramRow(name, infos))
			}
		}
		return out, nil
	}
	times := countNames(q.Users, func(u *kmsg.DescribeUserSCRAMCredentialsRequestUser) string { return u.Name })
	for i := range q.Users {
		name := q.Users[i].Name
		n := times[name]
		times[name] = 0
		row := scramRow(name, scramInfos(im.Config(scramUser(name))))
		switch {
		case n == 0:
			continue // told with the first
		case n > 1:
			row.CredentialInfos = nil
			row.ErrorCode, row.ErrorMessage = codeOf(errCredentialTwice), text("Cannot describe SCRAM credentials for the same user twice in a single request: "+name)
		case len(row.CredentialInfos) == 0:
			row.ErrorCode = codeOf(errNoCredential)
			row.ErrorMessage = text(fmt.Sprintf("Attempt to describe a user credential that does not exist: %s", name))
		}
		out.Results = append(out.Results, row)
	}
	return out, nil
}

func scramRow(name string, infos []kmsg.DescribeUserSCRAMCredentialsResponseResultCredentialInfo) kmsg.DescribeUserSCRAMCredentialsResponseResult {
	row := kmsg.NewDescribeUserSCRAMCredentialsResponseResult()
	row.User, row.ErrorMessage, row.CredentialInfos = name, text(""), infos
	return row
}

func scramInfos(c map[string]string) []kmsg.DescribeUserSCRAMCredentialsResponseResultCredentialInfo {
	var infos []kmsg.DescribeUserSCRAMCredentialsResponseResultCredentialInfo
	for number := int8(1); number <= int8(len(scramMechanisms)); number++ {
		if credential, ok := c[scramMechanisms[number].name]; ok {
			info := kmsg.NewDescribeUserSCRAMCredentialsResponseResultCredentialInfo()
			info.Mechanism, info.Iterations = number, iterationsOf(credential)
			infos = append(infos, info)
		}
	}
	return infos
}
