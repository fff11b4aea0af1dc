package group

import (
	"context"
	"fmt"
	"io"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/internal/tool"
)

// Describe is "evident group describe".
type Describe struct{}

// Description is all that there is to say about a consumer group.
type Description struct {
	Group       string      `json:"group"`
	Type        string      `json:"type"` // classic, consumer or share
	State       string      `json:"state"`
	Balancer    string      `json:"balancer"`
	Coordinator int32       `json:"coordinator"`
	Members     []Member    `json:"members"`
	TotalLag    int64       `json:"total_lag"`
	Partitions  []Partition `json:"partitions"`
}

// Member is a consumer in a group.
type Member struct {
	ID         string `json:"member_id"`
	InstanceID string `json:"instance_id,omitempty"` // of a static member (KIP-345)
	ClientID   string `json:"client_id"`
	Host       string `json:"host"`
	Partitions int    `json:"partitions"` // how many are assigned to it
}

// Partition is how far a group has come in a partition.
type Partition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Committed int64  `json:"committed_offset"` // of a share group: of the first unfinished record; -1: none
	Start     int64  `json:"start_offset"`
	End       int64  `json:"end_offset"`
	Lag       int64  `json:"lag"` // records yet to be consumed; -1: unknown, see Error
	MemberID  string `json:"member_id,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	Error     string `json:"error,omitempty"`
}

// Run prints all about the groups that names gives.
func (Describe) Run(ctx context.Context, env tool.Env, names []string) error {
	return env.Admin(ctx, func(ctx context.Context, adm *kadm.Client) error {
		descriptions := make([]Description, 0, len(names))
		for _, name := range names {
			d, err := description(ctx, adm, name)
			if err != nil {
				return err
			}
			descriptions = append(descriptions, d)
		}
		return env.Print(descriptions, func(w io.Writer) {
			for i, d := range descriptions {
				if i > 0 {
					fmt.Fprintln(w)
				}
				d.print(w)
			}
		})
	})
}

func description(ctx context.Context, adm *kadm.Client, name string) (Description, error) {
	found, err := describe(ctx, adm, name)
	if err != nil {
		return Description{}, err
	}
	switch {
	case found.share != nil:
		return describeQueue(ctx, adm, found.share)
	case found.consumer != nil:
		return describeProgress(ctx, adm, found.consumer)
	}
	lags, err := adm.Lag(ctx, name)
	if err != nil {
		return Description{}, err
	}
	g := lags[name]
	if err := g.Error(); err != nil {
		return Description{}, &tool.RefusedError{Doing: fmt.Sprintf("describe consumer group %q", name), Code: err}
	}
	d := Description{
		Group: name, Type: typeClassic, State: g.State, Balancer: g.Protocol, Coordinator: g.Coordinator.NodeID,
		Members: members(g.Members), TotalLag: g.Lag.Total(), Partitions: []Partition{},
	}
	for _, l := range g.Lag.Sorted() {
		d.Partitions = append(d.Partitions, progress(l))
	}
	return d, nil
}

func members(described []kadm.DescribedGroupMember) []Member {
	all := make([]Member, 0, len(described))
	for _, m := range described {
		member := Member{ID: m.MemberID, ClientID: m.ClientID, Host: m.ClientHost}
		if m.InstanceID != nil {
			member.InstanceID = *m.InstanceID
		}
		if assigned, ok := m.Assigned.AsConsumer(); ok {
			for _, t := range assigned.Topics {
				member.Partitions += len(t.Partitions)
			}
		}
		all = append(all, member)
	}
	return all
}

func progress(l kadm.GroupMemberLag) Partition {
	p := Partition{
		Topic: l.Topic, Partition: l.Partition, Committed: l.Commit.At,
		Start: l.Start.Offset, End: l.End.Offset, Lag: l.Lag,
	}
	if l.Member != nil {
		p.MemberID, p.ClientID = l.Member.MemberID, l.Member.ClientID
	}
	if l.Err != nil {
		p.Error = l.Err.Error()
	}
	return p
}

func (d Description) print(w io.Writer) {
	tool.Row(w, "Group:", d.Group)
	tool.Row(w, "Type:", d.Type)
	tool.Row(w, "State:", d.State)
	if d.Balancer != "" {
		tool.Row(w, "Balancer:", d.Balancer)
	}
	tool.Row(w, "Coordinator:", d.Coordinator)
	tool.Row(w, "Members:", len(d.Members))
	tool.Row(w, "Total lag:", d.TotalLag)
	if len(d.Partitions) == 0 {
		return
	}
	fmt.Fprintln(w)
	tool.Row(w, "TOPIC", "PARTITION", "COMMITTED", "START", "END", "LAG", "MEMBER")
	for _, p := range d.Partitions {
		member, lag := p.MemberID, fmt.Sprint(p.Lag)
		if member == "" {
			member = "-"
		}
		if p.Error != "" {
			lag = "unknown: " + p.Error
		}
		tool.Row(w, p.Topic, p.Partition, orDash(p.Committed), p.Start, p.End, lag, member)
	}
}

// orDash shows an offset, or a dash for none.
func orDash(offset int64) string {
	if offset < 0 {
		return "-"
	}
	return fmt.Sprint(offset)
}
