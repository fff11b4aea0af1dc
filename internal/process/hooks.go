package process

import (
	"github.com/evidentlog/evident/internal/process/group"
	"github.com/evidentlog/evident/internal/process/standby"
	"github.com/evidentlog/evident/internal/process/state"
)

// Processor is what is run.
func (r *Run) Processor() Processor { return r.p }

// Group is this node's side of the group, or nil before it is a member.
func (r *Run) Group() *group.Group {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.group
}

// Copies is how the state of tasks is on this node, by task; nil without state.
func (r *Run) Copies() map[int32]standby.Status {
	if k := r.keeper(); k != nil {
		return k.Status()
	}
	return nil
}

// State is the state of a task that this node has and that is running, to be read; false
// if it is elsewhere, or not ready.
func (r *Run) State(partition int32) (*state.Task, bool) {
	t := r.find(partition)
	if t == nil {
		return nil, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.readable, t.mu.readable != nil && t.mu.leaving == staying
}

// Pause has nothing handled on this node until Resume. What is under way is committed.
func (r *Run) Pause() {
	r.paused.Store(true)
	r.wake()
}

// Resume ends a pause, and has tasks that have stopped try again.
func (r *Run) Resume() {
	r.paused.Store(false)
	r.mu.Lock()
	for _, t := range r.mu.tasks {
		t.restart()
	}
	r.mu.Unlock()
	r.wake()
}

// restart has a task go on that has stopped.
func (t *task) restart() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.mu.state == Stopped {
		t.mu.state, t.mu.reason = Running, ""
	}
}

// wake has all workers look around.
func (r *Run) wake() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range r.mu.tasks {
		if w := t.owner(); w != nil {
			w.call()
		}
	}
}

// Copy is the state of a task as this node has it, its own or a standby's, however old,
// to be read only; false if there is none.
func (r *Run) Copy(partition int32) (*state.Task, standby.Status, bool) {
	if k := r.keeper(); k != nil {
		return k.Copy(partition)
	}
	return nil, standby.Status{}, false
}
