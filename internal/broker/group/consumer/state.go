package consumer

import "fmt"

// State says how far a group has come.
type State int8

// The states of a group.
const (
	Empty       State = iota // no members; offsets may still be kept
	Assigning                // the group's epoch has grown, and there is no target for it yet
	Reconciling              // some members have not got their target yet
	Stable                   // all have
)

// String returns Kafka's name of the state.
func (s State) String() string {
	switch s {
	case Empty:
		return "Empty"
	case Assigning:
		return "Assigning"
	case Reconciling:
		return "Reconciling"
	case Stable:
		return "Stable"
	}
	return fmt.Sprintf("State(%d)", int8(s))
}

// memberState says how far a member has come on its way to its target. The
// values are those of the record.
type memberState int8

const (
	stable     memberState = iota
	unrevoked              // it must give up partitions before it can go on
	unreleased             // it waits for partitions that others have not given up yet
)

// Epochs with a meaning of their own (KIP-848).
const (
	epochJoin        = 0  // the member joins, or begins anew
	epochLeave       = -1 // the member leaves
	epochLeaveStatic = -2 // the static member leaves and will be back

	firstEpoch = 1 // of a group without members, since Kafka 4.3
)
