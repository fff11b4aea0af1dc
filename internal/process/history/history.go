package history

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// A History is what is committed of a processor's work, each slice in the order of its
// topics' offsets within a partition.
type History struct {
	// Stateless tells that the processor keeps no state, so that each step finds the
	// zero one and there is no changelog.
	Stateless bool
	// Inputs are the records of the processor's inputs.
	Inputs []Input
	// Notes are what the processor's code noted; task N's are in partition N.
	Notes []Note
	// Outputs are what it wrote beside the notes.
	Outputs []Output
	// Changes are the changelog's records of the store that the notes tell of.
	Changes []Change
	// Dead are the inputs that were given up, in the order of the dead-letter topic.
	Dead []Place
	// Committed are the group's positions by input partition: the Offset of each is
	// that of the first record that is still to be handled.
	Committed []Place
	// Aborted counts the markers of transactions with notes that were aborted. It is of
	// no consequence: it tells what the processor has been through.
	Aborted int
}

// Moves is how often a task was gone on with by somebody else than before.
func (h History) Moves() int {
	n, had := 0, make(map[int32]string)
	for i := range h.Notes {
		task, by := h.Notes[i].At.Partition, h.Notes[i].By
		if was, ok := had[task]; ok && was != by {
			n++
		}
		had[task] = by
	}
	return n
}

// A Place is where a record stands in a topic.
type Place struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

func (p Place) String() string { return fmt.Sprintf("%s/%d/%d", p.Topic, p.Partition, p.Offset) }

// partition is the place's partition, as the place of its first record.
func (p Place) partition() Place { return Place{Topic: p.Topic, Partition: p.Partition} }

// An Input is a record of an input.
type Input struct {
	Place
	Key string
}

// A Note tells of one record or timer that was handled.
type Note struct {
	// At is where the note stands. It is not part of what is written.
	At Place `json:"-"`
	// Input is what was handled, unless it was a timer.
	Input *Place `json:"input,omitempty"`
	// Fired is the timer that came due, unless it was a record.
	Fired *Timer `json:"fired,omitempty"`
	// Key is that of the record, or of the timer.
	Key string `json:"key"`
	// Before and After are the key's state as it was found and as it was left.
	Before State `json:"before"`
	After  State `json:"after"`
	// Outputs is how many records were written beside the note.
	Outputs int `json:"outputs,omitempty"`
	// Set and Stopped are the timers of the key that were set, and then those that
	// were taken back.
	Set     []Timer `json:"set,omitempty"`
	Stopped []Timer `json:"stopped,omitempty"`
	// Scanned is the [Digest] of all of the task's states as they were found, if the
	// step looked at all of them.
	Scanned string `json:"scanned,omitempty"`
	// By is who did it, for people only.
	By string `json:"by,omitempty"`
	// Wall and Event are the step's two clocks, in milliseconds since 1970.
	Wall  int64 `json:"wall"`
	Event int64 `json:"event"`
}

// subject says what the note is about.
func (n *Note) subject() string {
	switch {
	case n.Input != nil:
		return "record " + n.Input.String()
	case n.Fired != nil:
		return fmt.Sprintf("timer %s of key %q", n.Fired, n.Key)
	}
	return "neither record nor timer"
}

// A Timer is one of a key's timers.
type Timer struct {
	Name string `json:"name"`
	// Event tells that it goes by event time.
	Event bool `json:"event_time,omitempty"`
	// At is when it is due, in milliseconds since 1970.
	At int64 `json:"at"`
}

func (t Timer) String() string {
	if t.Event {
		return fmt.Sprintf("%s@%d (event time)", t.Name, t.At)
	}
	return fmt.Sprintf("%s@%d", t.Name, t.At)
}

// An Output is a record that was written beside a note.
type Output struct {
	// At is where it stands.
	At  Place  `json:"-"`
	Key string `json:"key"`
	// State is what the step that wrote it left.
	State State `json:"state"`
	// Index counts the step's outputs, from 0.
	Index int `json:"index"`
}

// A Change is a record of the changelog.
type Change struct {
	At    Place
	Key   string
	State State
	// Gone tells that the key was removed, and has no state.
	Gone bool
}

// A State is what is kept of a key: how many events it has had, and a digest of all of
// them in their order. So no two sequences of events leave the same one. The zero State
// is that of a key which has had none.
type State struct {
	Seq int64  `json:"seq"`
	Sum string `json:"sum"`
}

func (s State) String() string { return fmt.Sprintf("%d:%s", s.Seq, s.Sum) }

// Next is the state that an event leaves.
func (s State) Next(event string) State {
	sum := sha256.Sum256([]byte(s.Sum + "\x00" + event))
	return State{Seq: s.Seq + 1, Sum: hex.EncodeToString(sum[:8])}
}

// Append adds the state as it is stored: sequence, colon, digest.
func (s State) Append(b []byte) []byte {
	b = strconv.AppendInt(b, s.Seq, 10)
	return append(append(b, ':'), s.Sum...)
}

// ParseState reads what [State.Append] wrote.
func ParseState(b []byte) (State, error) {
	seq, sum, ok := strings.Cut(string(b), ":")
	n, err := strconv.ParseInt(seq, 10, 64)
	if !ok || err != nil {
		return State{}, fmt.Errorf("%q is no state, such as 12:0123456789abcdef", b)
	}
	return State{Seq: n, Sum: sum}, nil
}

// event is what the note's state is the next one by.
func (n *Note) event() string {
	if n.Fired != nil {
		return "timer " + n.Fired.String()
	}
	return n.Input.String()
}
