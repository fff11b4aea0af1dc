package standby

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process/state"
)

// A replica is the state of a task on this node.
type replica struct {
	task  int32
	state *state.Task
	end   atomic.Int64 // of the changelog, when it was last looked
	next  atomic.Int64 // while it is restored, how far that is

	// mu is held by who changes the state, unless it is the caller of Restore, whose
	// alone it then is.
	mu   sync.Mutex
	feed *feed // what applies changes; nil: nothing does

	roles struct {
		sync.Mutex
		role Role
		from int64
		left time.Time // since when it is neither
	}
}

// become sets the role.
func (r *replica) become(role Role, from int64, now time.Time) {
	r.roles.Lock()
	defer r.roles.Unlock()
	r.roles.role, r.roles.from, r.roles.left = role, from, now
}

func (r *replica) status() Status {
	r.roles.Lock()
	defer r.roles.Unlock()
	s := Status{Role: r.roles.role, Next: r.state.Position().Next, End: r.end.Load(), From: r.roles.from}
	switch s.Role {
	case "":
		s.Role = Left
	case Restoring:
		s.Next = max(s.Next, r.next.Load())
	}
	return s
}

// free tells whether nobody on this node has the task.
func (r *replica) free() bool {
	r.roles.Lock()
	defer r.roles.Unlock()
	return r.roles.role != Active && r.roles.role != Restoring
}

// detach ends the following of the replica, once what is being applied is.
func (r *replica) detach() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.feed = nil
}

// feed is one reading of the changelog without gaps, from where the state was.
type feed struct {
	now   func() time.Time
	began time.Time
}

func newFeed(now func() time.Time) *feed { return &feed{now, now()} }

// apply applies what the feed has read of a task, unless somebody else has it meanwhile.
func (f *feed) apply(r *replica, records []*kgo.Record) error {
	if len(records) == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.feed != f {
		return nil
	}
	last := records[len(records)-1]
	next, now := last.Offset+1, f.now()
	at := now
	if next < r.end.Load() {
		at = f.asOf(r.state.Position().At, last.Timestamp, now)
	}
	if err := r.state.Apply(changes(records), next, at, now); err != nil {
		return fmt.Errorf("task %d: %w", r.task, err)
	}
	raise(&r.end, next)
	return nil
}

// asOf is the time of a state that is behind, now that a record was applied that was
// written then: of no later one, since a deletion that follows may be as old, and the
// changelog keeps it for some time only.
func (f *feed) asOf(was, written, now time.Time) time.Time {
	if was.IsZero() {
		was = f.began
	}
	if written.After(was) {
		was = written
	}
	if was.After(now) {
		return now
	}
	return was
}

// changes are those among records of the changelog; markers of transactions change
// nothing but the position.
func changes(records []*kgo.Record) []state.Change {
	all := make([]state.Change, 0, len(records))
	for _, rec := range records {
		if !rec.Attrs.IsControl() {
			all = append(all, state.Change{Key: rec.Key, Value: rec.Value})
		}
	}
	return all
}

// raise makes v at least n.
func raise(v *atomic.Int64, n int64) {
	for {
		old := v.Load()
		if old >= n || v.CompareAndSwap(old, n) {
			return
		}
	}
}
