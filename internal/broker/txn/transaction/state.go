package transaction

import "fmt"

// State is how far a transaction has come. The numbers are those on disk.
type State int8

// The states, as Kafka numbers them.
const (
	Empty          State = 0 // the producer has an id, and no transaction yet
	Ongoing        State = 1 // there are partitions
	PrepareCommit  State = 2 // decided: markers are being written
	PrepareAbort   State = 3 // decided: markers are being written
	CompleteCommit State = 4 // all markers are written
	CompleteAbort  State = 5 // all markers are written
	Dead           State = 6 // the id has expired; never stored
)

var stateNames = [...]string{"Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead"}

// String returns Kafka's name of the state.
func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return fmt.Sprintf("State(%d)", int8(s))
	}
	return stateNames[s]
}

// StateNamed returns the state with the given name, as ListTransactions spells it.
func StateNamed(name string) (State, bool) {
	for s, n := range stateNames {
		if n == name {
			return State(s), true
		}
	}
	return 0, false
}

// Prepared tells whether the transaction's fate is decided and markers remain
// to be written.
func (s State) Prepared() bool { return s == PrepareCommit || s == PrepareAbort }

// idle tells whether there is no transaction.
func (s State) idle() bool { return s == Empty || s == CompleteCommit || s == CompleteAbort }
