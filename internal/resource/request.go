package resource

import (
	"fmt"
	"strings"
)

// A Request is a wish, and who has it.
type Request struct {
	Wish
	// Actor is who asks.
	Actor string
	// ID tells requests apart; all that a request changes bears it.
	ID string
	// DryRun only says what would change.
	DryRun bool
	// Match are the revisions that resources must have for the request to be
	// granted, or [Absent].
	Match map[Key]int64
}

// Absent is the revision of what is not declared.
const Absent = -1

// An Answer is what a request came to.
type Answer struct {
	// Changes are what changed, in the order in which it was made so.
	Changes []Change `json:"changes"`
	// Revision is the newest one of what is declared.
	Revision int64 `json:"revision"`
	// Failed says of what is declared now what could not be made so yet, and is
	// tried again.
	Failed []Failure `json:"failed,omitempty"`
}

// A Failure is a resource that what is outside is not like.
type Failure struct {
	Key  Key    `json:"key"`
	Text string `json:"text"`
}

// A FaultsError is what is wrong with a request: nothing of it was done.
type FaultsError struct {
	Faults []Placed
}

func (e *FaultsError) Error() string {
	if n := len(e.Faults); n > 1 {
		return fmt.Sprintf("%s (and %d more)", e.Faults[0].Text, n-1)
	}
	return e.Faults[0].Text
}

// A ConflictError says that a resource was changed meanwhile: nothing was done.
type ConflictError struct {
	Key Key
	// Want is the revision that the request was made for, and Have the one there
	// is, or [Absent].
	Want, Have int64
}

func (e *ConflictError) Error() string {
	switch {
	case e.Want == Absent:
		return fmt.Sprintf("%v is declared already, at revision %d", e.Key, e.Have)
	case e.Have == Absent:
		return fmt.Sprintf("%v is not declared any more; the change was made for its revision %d", e.Key, e.Want)
	}
	return fmt.Sprintf("%v is at revision %d, and the change was made for revision %d: read it again", e.Key, e.Have, e.Want)
}

// A RefusedError says that changes cannot be made: nothing was done.
type RefusedError struct {
	// Faults say which, by the request's declarations, and why.
	Faults []Placed
}

func (e *RefusedError) Error() string {
	var lines []string
	for _, f := range e.Faults {
		lines = append(lines, f.Text)
	}
	return strings.Join(lines, "\n")
}
