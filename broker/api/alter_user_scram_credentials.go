package api

import (
	"context"
	"maps"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// alterUserSCRAMCredentials answers AlterUserScramCredentials (51): credentials
// are kept in the tree as Kafka keeps them (KIP-554). All that a request says of
// a user counts, or nothing.
func (a *API) alterUserSCRAMCredentials(ctx context.Context, _ *server.Request, q *kmsg.AlterUserSCRAMCredentialsRequest) (*kmsg.AlterUserSCRAMCredentialsResponse, error) {
	out := kmsg.NewPtrAlterUserSCRAMCredentialsResponse()
	for _, u := range scramChanges(q) {
		row := kmsg.NewAlterUserSCRAMCredentialsResponseResult()
		row.User, row.ErrorMessage = u.name, text("")
		if err := a.alterSCRAM(ctx, u); err != nil {
			row.ErrorCode, row.ErrorMessage = codeOf(err), messageOf(err)
		}
		out.Results = append(out.Results, row)
	}
	return out, nil
}

// scramChange is what a request says of one user: by mechanism the new
// credential, empty to remove it; or what is wrong.
type scramChange struct {
	name   string
	values map[int8]string
	err    error
}

// scramChanges sorts a request by user.
func scramChanges(q *kmsg.AlterUserSCRAMCredentialsRequest) []*scramChange {
	var users []*scramChange
	byName := map[string]*scramChange{}
	note := func(name string, mechanism int8, value string, err error) {
		u := byName[name]
		if u == nil {
			u = &scramChange{name: name, values: map[int8]string{}}
			byName[name], users = u, append(users, u)
		}
		if _, twice := u.values[mechanism]; twice {
			err = refused(errCredentialTwice, "A user credential cannot be altered twice in the same request")
		}
		u.values[mechanism] = value
		if u.err == nil {
			u.err = err
		}
	}
	for i := range q.Deletions {
		d := &q.Deletions[i]
		note(d.Name, d.Mechanism, "", refuseSCRAM(d.Name, d.Mechanism, scramIterationsMin))
	}
	for i := range q.Upsertions {
		u := &q.Upsertions[i]
		err := refuseSCRAM(u.Name, u.Mechanism, u.Iterations)
		value := ""
		if err == nil {
			value = scramMechanisms[u.Mechanism].encode(u.Salt, u.SaltedPassword, u.Iterations)
		}
		note(u.Name, u.Mechanism, value, err)
	}
	return users
}

func refuseSCRAM(name string, mechanism int8, iterations int32) error {
	_, known := scramMechanisms[mechanism]
	switch {
	case name == "":
		return refused(errBadCredential, "Username must not be empty")
	case !known:
		return refused(errMechanism, "Unknown SCRAM mechanism")
	case iterations < scramIterationsMin:
		return refused(errBadCredential, "Too few iterations")
	case iterations > scramIterationsMax:
		return refused(errBadCredential, "Too many iterations")
	}
	return nil
}

func (a *API) alterSCRAM(ctx context.Context, u *scramChange) error {
	if u.err != nil {
		return u.err
	}
	return a.alterConfig(ctx, scramUser(u.name), func(was map[string]string) (map[string]string, error) {
		next := maps.Clone(was)
		if next == nil {
			next = map[string]string{}
		}
		for mechanism, value := range u.values {
			key := scramMechanisms[mechanism].name
			if _, there := next[key]; value == "" && !there {
				return nil, refused(errNoCredential, "Attempt to delete a user credential that does not exist")
			}
			if next[key] = value; value == "" {
				delete(next, key)
			}
		}
		return next, nil
	})
}
