package group

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/deadline"
	"github.com/evidentlog/evident/internal/broker/group/classic"
)

// entry is one group: its state machine and what the machine leaves out. All
// fields below mu are guarded by it.
type entry struct {
	id        string
	partition int32 // of __consumer_offsets
	timer     deadline.Timer[*entry]

	mu       sync.Mutex
	group    machine
	reserved bool // something is being done to its queues, see reserve
	gone     bool // it has left the coordinator's map and is not used again
	offsets  offsetTable
	pending  pendingOffsets // of transactions that have not ended
	order    int64          // of the last commit
	stored   bool           // the log holds records of the group itself, or soon will
	owed     []record       // of the group itself, that could not be written; see keep
	wake     time.Time      // deadline that timers has been given

	lastTicket classic.Ticket
	joins      map[classic.Ticket]func(*kmsg.JoinGroupResponse)
	syncs      map[classic.Ticket]func(*kmsg.SyncGroupResponse)

	writes []*write // begun and not yet applied, oldest first
	out    []func() // to be called once mu is released
}

// write is a number of batches on their way to the disk, or, with none, a
// place in the queue behind the writes before it.
type write struct {
	left    int      // batches not yet reported
	batches int      // in all
	err     error    // the first failure
	kept    []record // those of the group itself
	apply   func(*kerr.Error)
}

// later calls f once the lock is released.
func (e *entry) later(f func()) { e.out = append(e.out, f) }

// ticket makes a ticket for a request that is about to be handed to the group.
func (e *entry) ticket() classic.Ticket {
	e.lastTicket++
	return e.lastTicket
}

func (e *entry) parkJoin(reply func(*kmsg.JoinGroupResponse)) classic.Ticket {
	if e.joins == nil {
		e.joins = map[classic.Ticket]func(*kmsg.JoinGroupResponse){}
	}
	t := e.ticket()
	e.joins[t] = reply
	return t
}

func (e *entry) parkSync(reply func(*kmsg.SyncGroupResponse)) classic.Ticket {
	if e.syncs == nil {
		e.syncs = map[classic.Ticket]func(*kmsg.SyncGroupResponse){}
	}
	t := e.ticket()
	e.syncs[t] = reply
	return t
}

// answer hands the replies of a step to those who wait for them.
func (e *entry) answer(fx classic.Effects) {
	for _, j := range fx.Joins {
		reply := e.joins[j.Ticket]
		delete(e.joins, j.Ticket)
		e.later(func() { reply(j.Response) })
	}
	for _, s := range fx.Syncs {
		reply := e.syncs[s.Ticket]
		delete(e.syncs, s.Ticket)
		e.later(func() { reply(s.Response) })
	}
}

// close ends e's life: what waits is told to look for the group again.
func (e *entry) close(now time.Time) {
	if g, ok := e.group.(*classic.Group); ok {
		e.answer(g.Close(now, kerr.CoordinatorNotAvailable))
	}
	e.gone = true
}

// applyWrites applies the writes at the head of the queue that are finished.
func (e *entry) applyWrites() {
	for len(e.writes) > 0 && e.writes[0].left == 0 {
		w := e.writes[0]
		e.writes[0] = nil
		e.writes = e.writes[1:]
		w.apply(storeError(w.err))
	}
}

// abandonWrites applies all writes as failed.
func (e *entry) abandonWrites(err *kerr.Error) {
	for len(e.writes) > 0 {
		w := e.writes[0]
		e.writes = e.writes[1:]
		w.apply(err)
	}
}

// afterWrites calls f, still with the lock, when everything begun before has been applied.
func (e *entry) afterWrites(f func(*kerr.Error)) {
	e.writes = append(e.writes, &write{apply: f})
	e.applyWrites()
}

// empty reports whether the group has no members and nothing of it is stored.
// Somebody may still be about to join.
func (e *entry) empty() bool {
	return e.group.Empty() && e.unused() && !e.reserved
}

// unused reports whether nothing of the group is stored.
func (e *entry) unused() bool {
	return len(e.offsets) == 0 && len(e.pending) == 0 && len(e.writes) == 0 && len(e.owed) == 0 && !e.stored
}
