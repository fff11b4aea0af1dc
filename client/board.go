package client

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A task is a record that is to be handled. Who has it works on it: first its lane, then
// a worker, then whoever waits for what it emitted to be durable.
type task struct {
	record *kgo.Record
	part   *part
	lane   *lane
	of     identity      // its event, once it was read
	tries  int           // attempts so far
	emits  []*kgo.Record // of the attempt that succeeded
	dead   bool          // emits is its dead letter
	parked bool          // waits for its next attempt; guarded by the board, as is done
	done   bool
}

// A lane has the tasks of one key of one partition, in order; only its head is worked
// on. It is guarded by the board, and there as long as it has tasks.
type lane struct {
	key   laneKey
	tasks []*task
}

type laneKey struct {
	part *part
	key  string
}

// A board hands tasks to workers: each lane's in order, the lanes by turns.
type board struct {
	mu struct {
		sync.Mutex
		lanes  map[laneKey]*lane
		ready  []*lane // whose heads may be taken, from first on
		first  int
		stir   chan struct{} // closed when who waits for room has to look; nil: nobody waits
		parts  []*part       // that it waits for room in
		most   int           // records that they may have
		closed bool
	}
	wake sync.Cond
}

func newBoard() *board {
	b := &board{}
	b.mu.lanes = make(map[laneKey]*lane)
	b.wake.L = &b.mu.Mutex
	return b
}

// add puts records behind those of their keys.
func (b *board) add(p *part, records []*kgo.Record) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p.closed {
		return
	}
	tasks := make([]task, len(records))
	for i, r := range records {
		t := &tasks[i]
		t.record, t.part = r, p
		p.pending = append(p.pending, t)
		if p.batch != nil {
			p.tasks = append(p.tasks, t)
		}
		b.enqueue(t)
	}
}

// enqueue puts a task into its lane. The caller holds mu.
func (b *board) enqueue(t *task) {
	key := laneKey{t.part, string(t.record.Key)}
	l := b.mu.lanes[key]
	if l == nil {
		l = &lane{key: key}
		b.mu.lanes[key] = l
	}
	t.lane = l
	l.tasks = append(l.tasks, t)
	if len(l.tasks) == 1 {
		b.push(l)
	}
}

// push makes a lane's head ready. The caller holds mu.
func (b *board) push(l *lane) {
	b.mu.ready = append(b.mu.ready, l)
	b.wake.Signal()
}

// take waits for a task; nil when the board is closed.
func (b *board) take() *task {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		for b.mu.first == len(b.mu.ready) && !b.mu.closed {
			b.wake.Wait()
		}
		if b.mu.closed {
			return nil
		}
		l := b.mu.ready[b.mu.first]
		b.mu.ready[b.mu.first] = nil
		if b.mu.first++; b.mu.first == len(b.mu.ready) {
			b.mu.ready, b.mu.first = b.mu.ready[:0], 0
		}
		if l.key.part.closed {
			b.drop(l)
			continue
		}
		l.key.part.running++
		return l.tasks[0]
	}
}

// drop forgets a lane of a partition that was given away. The caller holds mu.
func (b *board) drop(l *lane) {
	if b.mu.lanes[l.key] == l {
		delete(b.mu.lanes, l.key)
	}
}

// next lets the task behind a lane's head be taken.
func (b *board) next(l *lane) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l.tasks[0] = nil
	l.tasks = l.tasks[1:]
	if len(l.tasks) == 0 || l.key.part.closed {
		b.drop(l)
		return
	}
	b.push(l)
}

// park lets a task be taken again after a pause.
func (b *board) park(t *task, pause time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.parked = true
	t.part.running--
	t.part.look()
	b.stir()
	time.AfterFunc(pause, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		t.parked = false
		if t.part.closed {
			b.drop(t.lane)
			return
		}
		b.push(t.lane)
	})
}

// release says that one task less of a partition is worked on.
func (b *board) release(p *part) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p.running--
	p.look()
}

// finish says that a task is done, and is worked on no more. It tells whether the
// partition is paused.
func (b *board) finish(t *task) (paused bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t.done = true
	t.part.advance()
	if b.mu.stir != nil && (t.part.waits() || counted(b.mu.parts) < b.mu.most) {
		b.stir()
	}
	t.part.running--
	t.part.look()
	return t.part.paused
}

// open makes a partition; its handlers' contexts end with ctx.
func (b *board) open(ctx context.Context, topic string, number int32) *part {
	p := &part{topic: topic, number: number, next: -1, committed: -1, drained: make(chan struct{})}
	p.ctx, p.cancel = context.WithCancelCause(ctx)
	return p
}

// give gives a partition up: nothing more of it is begun. When what runs has ended,
// drained is closed.
func (b *board) give(p *part) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p.closed = true
	b.stir()
	p.look()
}

// close ends the workers.
func (b *board) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mu.closed = true
	b.wake.Broadcast()
}

// room returns nil if there is room for more records, and otherwise a channel that is
// closed when there is, or a partition waits for a parked task, or is given up. One
// waits at a time. A worker that is done with a task does not wake it for nothing.
func (b *board) room(parts []*part, most int) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if counted(parts) < most {
		return nil
	}
	b.mu.parts, b.mu.most = parts, most
	if b.mu.stir == nil {
		b.mu.stir = make(chan struct{})
	}
	return b.mu.stir
}

// stir wakes who waits for room. The caller holds mu.
func (b *board) stir() {
	if b.mu.stir != nil {
		close(b.mu.stir)
		b.mu.stir, b.mu.parts = nil, nil
	}
}

// counted is how many records of partitions that are not paused are not done, or have
// one before them that is not. The caller holds mu.
func counted(parts []*part) int {
	n := 0
	for _, p := range parts {
		if !p.paused && !p.closed {
			n += len(p.pending)
		}
	}
	return n
}

// stuck finds partitions to be resumed, because half of what they held is done, and if
// there is no room, those to be paused, because what they hold waits for a parked one.
// It takes them to be.
func (b *board) stuck(parts []*part, most int) (pause, resume map[string][]int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	pause, resume = make(map[string][]int32), make(map[string][]int32)
	full := counted(parts) >= most
	for _, p := range parts {
		switch held := len(p.pending); {
		case p.paused && held <= p.held/2:
			p.paused = false
			resume[p.topic] = append(resume[p.topic], p.number)
		case full && !p.paused && !p.closed && p.waits():
			p.paused, p.held = true, held
			pause[p.topic] = append(pause[p.topic], p.number)
		}
	}
	if len(pause) > 0 {
		b.stir()
	}
	return pause, resume
}

// unpause takes partitions not to be paused, and returns those that were.
func (b *board) unpause(parts []*part) map[string][]int32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	paused := make(map[string][]int32)
	for _, p := range parts {
		if p.paused {
			p.paused = false
			paused[p.topic] = append(paused[p.topic], p.number)
		}
	}
	return paused
}

// due are the offsets to be committed.
func (b *board) due(parts []*part) map[string]map[int32]kgo.EpochOffset {
	b.mu.Lock()
	defer b.mu.Unlock()
	due := make(map[string]map[int32]kgo.EpochOffset)
	for _, p := range parts {
		offset, ok := p.due()
		if !ok {
			continue
		}
		if due[p.topic] == nil {
			due[p.topic] = make(map[int32]kgo.EpochOffset)
		}
		due[p.topic][p.number] = offset
	}
	return due
}

// commit notes an offset that was committed.
func (b *board) commit(p *part, offset int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p.committed = max(p.committed, offset)
}
