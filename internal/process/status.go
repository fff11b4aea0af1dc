package process

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// State is what a task is doing.
type State uint8

const (
	// Restoring: the task's state is being made again from its changelog.
	Restoring State = iota
	// Running: records are handled as they come.
	Running
	// Paused: nothing is handled until it is resumed.
	Paused
	// Stopped: the task cannot go on; its status says why.
	Stopped
)

// String is how the state is shown.
func (s State) String() string {
	switch s {
	case Restoring:
		return "restoring"
	case Running:
		return "running"
	case Paused:
		return "paused"
	case Stopped:
		return "stopped"
	}
	return fmt.Sprintf("state %d", uint8(s))
}

// Status is that of a task on this node.
type Status struct {
	Task  Task
	State State
	// Reason is why it is stopped or paused.
	Reason string
	// Inputs are its partitions.
	Inputs []Position
	// Lag is how many records wait in them.
	Lag int64
	// Restored and Restoring are how many changes of the changelog have been read, and
	// how many there are to be, while the task is restoring.
	Restored, ToRestore int64
}

// Position is how far a partition is handled.
type Position struct {
	Topic     string
	Partition int32
	// Next is the offset of the record that is handled next; -1 if it is not known yet.
	Next int64
	// End is the offset after the partition's last record, as it was fetched last.
	End int64
}

// Tasks are those of this node, by number.
func (r *Run) Tasks() []Status {
	r.mu.Lock()
	tasks := slices.SortedFunc(maps.Values(r.mu.tasks), func(a, b *task) int { return cmp.Compare(a.id.Partition, b.id.Partition) })
	r.mu.Unlock()
	all := make([]Status, len(tasks))
	for i, t := range tasks {
		all[i] = t.status()
	}
	return all
}

func (t *task) status() Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := Status{Task: t.id, State: t.mu.state, Reason: t.mu.reason}
	if t.mu.state == Running && t.run.paused.Load() {
		s.State = Paused
	}
	if t.mu.state == Restoring {
		s.Restored, s.ToRestore = t.restoring()
	}
	for _, in := range t.inputs {
		p := Position{Topic: in.topic, Partition: t.id.Partition, Next: in.shown.Load(), End: in.end.Load()}
		s.Inputs = append(s.Inputs, p)
		if p.Next >= 0 {
			s.Lag += max(0, p.End-p.Next)
		}
	}
	return s
}
