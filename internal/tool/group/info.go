package group

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/tool"
)

// Types of groups, as Kafka calls them.
const (
	typeClassic  = "classic"
	typeConsumer = "consumer" // of the consumer protocol (KIP-848)
	typeShare    = "share"    // KIP-932
)

// info is a group of any type. One of the three is set.
type info struct {
	classic  *kadm.DescribedGroup
	consumer *kadm.DescribedConsumerGroup
	share    *kadm.DescribedShareGroup
}

// kind is what messages call the group.
func (i info) kind() string {
	if i.share != nil {
		return "share group"
	}
	return "consumer group"
}

func (i info) state() string {
	switch {
	case i.share != nil:
		return i.share.GroupState
	case i.consumer != nil:
		return i.consumer.State
	}
	return i.classic.State
}

func (i info) members() int {
	switch {
	case i.share != nil:
		return len(i.share.Members)
	case i.consumer != nil:
		return len(i.consumer.Members)
	}
	return len(i.classic.Members)
}

// states in which a group has no members.
const (
	stateEmpty = "Empty"
	stateDead  = "Dead" // also what Kafka answers about a group that never was
)

// describe returns the group called name, which must be there.
func describe(ctx context.Context, adm *kadm.Client, name string) (info, error) {
	consumers, err := adm.DescribeConsumerGroups(ctx, name)
	if g := consumers[name]; err == nil && g.Err == nil && !missing(g.State, nil) {
		return info{consumer: &g}, nil
	} // else it is of another type, or the cluster does not know this one, or there is none
	shares, err := adm.DescribeShareGroups(ctx, name)
	if g := shares[name]; err == nil && g.Err == nil && !missing(g.GroupState, nil) {
		return info{share: &g}, nil
	}

	groups, err := adm.DescribeGroups(ctx, name)
	if err != nil {
		return info{}, err
	}
	g := groups[name]
	switch {
	case missing(g.State, g.Err):
		return info{}, tool.UnknownGroup(ctx, adm, name)
	case g.Err != nil:
		return info{}, notDescribed(name, g.Err, g.ErrMessage)
	}
	return info{classic: &g}, nil
}

func notDescribed(name string, code error, message string) error {
	return &tool.RefusedError{Doing: fmt.Sprintf("describe consumer group %q", name), Code: code, Message: message}
}

// missing tells whether the answer about a group means that there is none.
// From DescribeGroups v6 on there is an error for that (KIP-1043).
func missing(state string, err error) bool {
	return errors.Is(err, kerr.GroupIDNotFound) || err == nil && state == stateDead
}
