package evidenttest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Effect is what becomes of a request.
type Effect int

const (
	// None lets it pass.
	None Effect = iota
	// LoseRequest breaks the connection before the node has the request, and after it
	// has answered those before it.
	LoseRequest
	// LoseAnswer breaks the connection when the node has done what it was asked to, so
	// that the client does not know.
	LoseAnswer
	// Twice gives the node the request twice; the client has the answer to the first.
	// Records in it are there twice, as from a client that tries again and is not
	// idempotent, even if it is; but for those of transactions.
	Twice
	// Hold keeps the request, and all behind it on its connection, until the fault is
	// removed. With a Client alone it is a client that stands still, as for SIGSTOP,
	// and does not know it.
	Hold
	// CutPower cuts the node's power when it has done what it was asked to, before it
	// can say so. What was not synced is lost.
	CutPower
)

// String is the effect's name.
func (e Effect) String() string {
	if names := [...]string{"None", "LoseRequest", "LoseAnswer", "Twice", "Hold", "CutPower"}; e >= 0 && int(e) < len(names) {
		return names[e]
	}
	return fmt.Sprintf("Effect(%d)", int(e))
}

// RequestFault goes wrong between clients and the node. It concerns the requests that all
// of its first fields describe; those that are empty describe every request.
type RequestFault struct {
	// Requests are the kinds of request, such as [kmsg.Produce].
	Requests []kmsg.Key
	// Client is the client's id ([kgo.ClientID]).
	Client string
	// Topic is one that the request names.
	Topic string
	// Group is a consumer group that it names.
	Group string
	// Where looks at the request itself. It may be called by many goroutines.
	Where func(kmsg.Request) bool

	// When says which of these requests are hit.
	When

	// Do is what becomes of them.
	Do Effect
	// Delay is how late they come to the node, and all behind them on their connection.
	Delay time.Duration
	// AnswerDelay is how late the client has the answer, likewise.
	AnswerDelay time.Duration
}

// When says how many of those that a fault concerns it hits. The zero value is all.
type When struct {
	// Skip is how many are left alone at first.
	Skip int
	// Times is how many are hit at most; 0 is all.
	Times int
	// Chance is how likely each of them is hit, decided by the test's seed; 0 is 1. For
	// requests each client has chances of its own, so that what others do meanwhile
	// does not change them.
	Chance float64
}

func (f RequestFault) check() error {
	switch {
	case f.Do == None && f.Delay <= 0 && f.AnswerDelay <= 0:
		return errors.New("the fault does nothing: set Do, Delay or AnswerDelay")
	case f.Do < None || f.Do > CutPower:
		return fmt.Errorf("%v is none of the effects", f.Do)
	}
	return f.When.check()
}

func (w When) check() error {
	switch {
	case w.Skip < 0 || w.Times < 0:
		return fmt.Errorf("skip %d and times %d: want 0 or more", w.Skip, w.Times)
	case w.Chance < 0 || w.Chance > 1:
		return fmt.Errorf("a chance of %v: want between 0 and 1", w.Chance)
	}
	return nil
}

// concerns tells whether the fault is about a request.
func (f *RequestFault) concerns(names *look, r *request) bool {
	switch {
	case r.client == observer:
		return false
	case len(f.Requests) > 0 && !slices.Contains(f.Requests, r.key):
		return false
	case f.Client != "" && f.Client != r.client:
		return false
	case f.Group != "" && !says(r, "Group", f.Group):
		return false
	case f.Topic != "" && !names.about(r, f.Topic):
		return false
	}
	return f.Where == nil || r.body != nil && f.Where(r.body)
}
