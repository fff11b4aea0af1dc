package group

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/deadline"
	"github.com/evidentlog/evident/internal/broker/group/classic"
	"github.com/evidentlog/evident/internal/broker/group/consumer"
	"github.com/evidentlog/evident/internal/broker/group/share"
	"github.com/evidentlog/evident/internal/broker/statetopic"
	"github.com/evidentlog/evident/internal/log/batch"
)

// Coordinator coordinates all groups. Its methods may be called concurrently,
// from before [Coordinator.Run] until after it.
//
// The methods named after Kafka's requests do not wait: they call reply once,
// at once or later, from any goroutine. A request must not be changed until
// then, except for its byte slices, which may be overwritten as soon as the
// method has returned. A response may share strings with its request.
type Coordinator struct {
	cfg       Config
	classic   classic.Config
	immediate classic.Config // of groups that do not wait for more members
	consumer  consumer.Config
	share     share.Config
	codecs    batch.Codecs
	builders  sync.Pool // of *batch.Builder
	topic     *statetopic.Topic
	open      openTransactions
	matching  sync.Mutex // held while regular expressions are matched; before that of a group
	timers    *deadline.Queue[*entry]
	finished  *finishedWrites

	mu struct {
		sync.RWMutex
		entries map[string]*entry
		closed  bool // Run has ended; no entry is added any more
	}
}

// New returns a coordinator that answers requests as far as it can before Run
// has read what the store holds.
func New(cfg Config) *Coordinator {
	cfg = cfg.withDefaults()
	c := &Coordinator{
		cfg: cfg,
		classic: classic.Config{
			InitialDelay:     cfg.InitialRebalanceDelay,
			MaxSize:          cfg.MaxSize,
			NewMemberTimeout: newMemberTimeout,
		},
		consumer: consumer.Config{MaxSize: cfg.ConsumerMaxSize, ClassicMaxSize: cfg.MaxSize},
		share:    share.Config{MaxSize: cfg.ShareMaxSize},
		topic:    statetopic.New(cfg.Store),
		timers:   deadline.New[*entry](),
		finished: newFinishedWrites(),
	}
	c.immediate = c.classic
	c.immediate.InitialDelay = 0
	c.builders.New = func() any { return c.codecs.NewBuilder(batch.Head{}) }
	c.mu.entries = map[string]*entry{}
	return c
}

// find returns the group's entry, or nil.
func (c *Coordinator) find(id string) *entry {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.mu.entries[id]
}

// obtain returns the group's entry, a new one if need be; nil once Run has ended.
func (c *Coordinator) obtain(id string) *entry {
	if e := c.find(id); e != nil {
		return e
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.closed {
		return nil
	}
	e := c.mu.entries[id]
	if e == nil {
		e = c.newEntry(id)
		c.mu.entries[e.id] = e
	}
	return e
}

func (c *Coordinator) newEntry(id string) *entry {
	id = string([]byte(id)) // id may lie in a network buffer
	e := &entry{
		id:        id,
		partition: c.topic.PartitionFor(id),
		group:     c.newClassic(id, time.Now()),
	}
	e.timer.Owner = e
	return e
}

// newClassic is an empty group of the classic protocol.
func (c *Coordinator) newClassic(id string, now time.Time) *classic.Group {
	return classic.New(c.classicFor(id), now)
}

// classicFor is what holds for a group of the classic protocol.
func (c *Coordinator) classicFor(id string) *classic.Config {
	immediate := slices.ContainsFunc(c.cfg.ImmediateGroups, func(name string) bool {
		begin, open := strings.CutSuffix(name, "*")
		return id == name || open && strings.HasPrefix(id, begin)
	})
	if immediate {
		return &c.immediate
	}
	return &c.classic
}

func (c *Coordinator) closed() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.mu.closed
}

// missing is the answer to a request for a group that is not there: err,
// unless it is not there because Run has ended.
func (c *Coordinator) missing(err *kerr.Error) *kerr.Error {
	if c.closed() {
		return kerr.CoordinatorNotAvailable
	}
	return err
}

func (c *Coordinator) entries() []*entry {
	c.mu.RLock()
	defer c.mu.RUnlock()
	all := make([]*entry, 0, len(c.mu.entries))
	for _, e := range c.mu.entries {
		all = append(all, e)
	}
	return all
}

// with calls f with the group locked, and reports whether there is such a
// group. look is find or obtain.
func (c *Coordinator) with(id string, look func(string) *entry, f func(e *entry, now time.Time)) bool {
	for {
		e := look(id)
		if e == nil {
			return false
		}
		if c.step(e, func(now time.Time) { f(e, now) }) {
			return true
		}
		if c.closed() {
			return false
		}
	}
}

// step calls f with the entry locked, then sets its timer, removes it if there
// is nothing to remember, and releases the lock before it answers. It does
// nothing and returns false if the entry has left the map.
func (c *Coordinator) step(e *entry, f func(now time.Time)) bool {
	e.mu.Lock()
	if e.gone {
		e.mu.Unlock()
		return false
	}
	f(time.Now())
	if e.empty() && e.group.Idle() {
		c.forget(e)
	}
	wake := e.group.Wake()
	if e.gone {
		wake = time.Time{}
	}
	if !wake.Equal(e.wake) {
		e.wake = wake
		c.timers.Set(&e.timer, wake)
	}
	out := e.out
	e.out = nil
	e.mu.Unlock()
	for _, answer := range out {
		answer()
	}
	return true
}

// forget removes a group of which nothing is stored.
func (c *Coordinator) forget(e *entry) {
	e.close(time.Now())
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.mu.entries, e.id)
}

// append writes records for e. apply is called with the lock held when they,
// and all that e wrote before, are durable, or when they could not be written;
// what it leaves to entry.later is done after that.
func (c *Coordinator) append(e *entry, records []record, apply func(*kerr.Error)) *write {
	return c.write(e, records, packing{limit: packBytes}, c.cfg.Store.Append, apply)
}

// write is append in batches of a kind, through a method of the store.
func (c *Coordinator) write(e *entry, records []record, how packing, to func(int32, []byte, func(error)), apply func(*kerr.Error)) *write {
	w := &write{left: 1, apply: apply} // one for the packing itself
	e.writes = append(e.writes, w)
	b := c.builders.Get().(*batch.Builder)
	defer c.builders.Put(b)
	err := how.pack(b, records, time.Now().UnixMilli(), func(built batch.Batch) {
		w.left++
		w.batches++
		to(e.partition, built, func(err error) { c.finished.add(e, w, err) })
	})
	c.finished.add(e, w, err)
	return w
}

// isRefused tells whether a write was not admitted, which is nobody's fault but
// the client's.
func isRefused(err error) bool {
	var refused *kerr.Error
	return errors.As(err, &refused)
}

// storeError is what clients are told when a write fails. Except for a record
// that is too large, they are to try again: the partition recovers by itself.
func storeError(err error) *kerr.Error {
	var refused *kerr.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused): // by the transaction coordinator
		return refused
	case errors.Is(err, statetopic.ErrTooLarge):
		return kerr.UnknownServerError
	}
	return kerr.CoordinatorNotAvailable
}

// codeOf is the error code on the wire; nil is 0.
func codeOf(err *kerr.Error) int16 {
	if err == nil {
		return 0
	}
	return err.Code
}

// freshID returns a random UUID (RFC 9562, version 4), which makes member ids unique.
func freshID() string {
	var u [16]byte
	rand.Read(u[:])
	u[6] = u[6]&0x0f | 0x40
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
