// Package group is what "evident group" does: listing, describing, resetting
// and deleting consumer groups. Each command is a struct whose fields are its
// flags and whose Run does it.
package group

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/tool"
)

// states in which a group has no members.
const (
	stateEmpty = "Empty"
	stateDead  = "Dead" // also what Kafka answers about a group that never was
)

// describe returns the group called name, which must be there.
func describe(ctx context.Context, adm *kadm.Client, name string) (kadm.DescribedGroup, error) {
	groups, err := adm.DescribeGroups(ctx, name)
	if err != nil {
		return kadm.DescribedGroup{}, err
	}
	g := groups[name]
	if missing(g.State, g.Err) {
		return g, tool.UnknownGroup(ctx, adm, name)
	}
	if g.Err != nil {
		return g, &tool.RefusedError{Doing: fmt.Sprintf("describe consumer group %q", name), Code: g.Err, Message: g.ErrMessage}
	}
	return g, nil
}

// missing tells whether the answer about a group means that there is none.
// From DescribeGroups v6 on there is an error for that (KIP-1043).
func missing(state string, err error) bool {
	return errors.Is(err, kerr.GroupIDNotFound) || err == nil && state == stateDead
}
