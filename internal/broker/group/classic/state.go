package classic

import "fmt"

// State is where a group stands between two generations.
type State int8

// The states of a group. The zero value is Empty.
const (
	Empty               State = iota // no members; offsets may still be kept
	PreparingRebalance               // waits for members to join
	CompletingRebalance              // generation is fixed, waits for the leader's assignment
	Stable                           // every member has its assignment
	Dead                             // removed; a request that still sees it must look the group up again
)

// String returns Kafka's name of the state, as ListGroups and DescribeGroups
// spell it.
func (s State) String() string {
	switch s {
	case Empty:
		return "Empty"
	case PreparingRebalance:
		return "PreparingRebalance"
	case CompletingRebalance:
		return "CompletingRebalance"
	case Stable:
		return "Stable"
	case Dead:
		return "Dead"
	}
	return fmt.Sprintf("State(%d)", int8(s))
}
