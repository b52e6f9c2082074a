package client

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

// Group is one group in a listing.
type Group struct {
	Name         string `json:"group"`
	ProtocolType string `json:"protocol_type"`
	State        string `json:"state"`
	Coordinator  int32  `json:"coordinator"`
}

// Member is one member of a described group.
type Member struct {
	ID         string `json:"member_id"`
	InstanceID string `json:"instance_id,omitempty"`
	ClientID   string `json:"client_id"`
	Host       string `json:"host"`
}

// GroupOffset is a group's position in one partition. Committed is -1 where
// nothing is committed; Lag is -1 where it cannot be told.
type GroupOffset struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Committed int64  `json:"committed"`
	End       int64  `json:"end_offset"`
	Lag       int64  `json:"lag"`
	MemberID  string `json:"member_id,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	Host      string `json:"host,omitempty"`
	Error     string `json:"error,omitempty"`
}

// GroupDescription is everything about one group.
type GroupDescription struct {
	Group
	Protocol string        `json:"protocol"`
	Members  []Member      `json:"members"`
	Offsets  []GroupOffset `json:"offsets"`
}

// Groups lists the groups of the cluster by name.
func (a *Admin) Groups(ctx context.Context) ([]Group, error) {
	listed, err := a.kadm.ListGroups(ctx)
	if err != nil {
		return nil, a.config.wrap("list groups", err)
	}
	groups := make([]Group, 0, len(listed))
	for _, g := range listed.Sorted() {
		groups = append(groups, Group{Name: g.Group, ProtocolType: g.ProtocolType, State: g.State, Coordinator: g.Coordinator})
	}
	return groups, nil
}

// DescribeGroup tells who is in a group and how far it is.
func (a *Admin) DescribeGroup(ctx context.Context, name string) (GroupDescription, error) {
	op := fmt.Sprintf("describe group %q", name)
	var l kadm.DescribedGroupLag
	err := coordinated(ctx, func() error {
		lags, err := a.kadm.Lag(ctx, name)
		if err != nil {
			return err
		}
		l = lags[name]
		return l.Error()
	})
	if err != nil {
		return GroupDescription{}, a.config.wrap(op, err)
	}
	if l.State == "Dead" {
		return GroupDescription{}, a.config.wrap(op, kerr.GroupIDNotFound)
	}
	g := GroupDescription{
		Group:    Group{Name: l.Group, ProtocolType: l.ProtocolType, State: l.State, Coordinator: l.Coordinator.NodeID},
		Protocol: l.Protocol,
	}
	for _, m := range l.Members {
		g.Members = append(g.Members, member(m))
	}
	for _, p := range l.Lag.Sorted() {
		g.Offsets = append(g.Offsets, groupOffset(p))
	}
	return g, nil
}

// member is m as leat shows it.
func member(m kadm.DescribedGroupMember) Member {
	r := Member{ID: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost}
	if m.InstanceID != nil {
		r.InstanceID = *m.InstanceID
	}
	return r
}

// groupOffset is p as leat shows it.
func groupOffset(p kadm.GroupMemberLag) GroupOffset {
	o := GroupOffset{Topic: p.Topic, Partition: p.Partition, Committed: p.Commit.At, End: p.End.Offset, Lag: p.Lag}
	if p.Member != nil {
		m := member(*p.Member)
		o.MemberID, o.ClientID, o.Host = m.ID, m.ClientID, m.Host
	}
	if p.Err != nil {
		o.Error = cause(p.Err)
	}
	return o
}

// DeleteGroup deletes a group that has no members, with its offsets.
func (a *Admin) DeleteGroup(ctx context.Context, name string) error {
	err := coordinated(ctx, func() error {
		r, err := a.kadm.DeleteGroup(ctx, name)
		if err != nil {
			return err
		}
		return r.Err
	})
	return a.config.wrap(fmt.Sprintf("delete group %q", name), err)
}
