package txn

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/broker/statetopic"
	"github.com/evidentlog/evident/internal/broker/txn/transaction"
	"github.com/evidentlog/evident/internal/log/batch"
)

// Coordinator coordinates all transactions. Its methods may be called
// concurrently, from before [Coordinator.Run] until after it.
//
// Methods that take a function do not wait: they call it once, at once or later,
// from any goroutine. A request must not be changed until then.
type Coordinator struct {
	cfg      Config
	topic    *statetopic.Topic
	codecs   batch.Codecs
	builders sync.Pool // of *batch.Builder

	mu struct {
		sync.RWMutex
		entries map[string]*entry
		closed  bool // Run has ended; no entry is added any more
		open    openTransactions
	}
	// active are the entries with a transaction: Ongoing or prepared.
	active struct {
		sync.Mutex
		set map[*entry]struct{}
	}
}

// New returns a coordinator that answers requests as far as it can before Run
// has read what the store holds. It asks at once what partitions hold open: nobody
// may have written in a transaction since the log was opened.
func New(cfg Config) *Coordinator {
	c := &Coordinator{cfg: cfg.withDefaults(), topic: statetopic.New(cfg.Store)}
	c.builders.New = func() any { return c.codecs.NewBuilder(batch.Head{}) }
	c.mu.entries = map[string]*entry{}
	c.mu.open = newOpenTransactions(c.cfg.Log.Open())
	c.active.set = map[*entry]struct{}{}
	return c
}

// find returns the id's entry. Without one, the id has no producer.
func (c *Coordinator) find(id string) (*entry, *kerr.Error) {
	c.mu.RLock()
	e, closed := c.mu.entries[id], c.mu.closed
	c.mu.RUnlock()
	switch {
	case closed:
		return nil, kerr.CoordinatorNotAvailable
	case e != nil:
		return e, nil
	case id == "":
		return nil, kerr.InvalidRequest
	}
	if err := c.topic.Check(id); err != nil {
		return nil, err
	}
	return nil, kerr.InvalidProducerIDMapping
}

// insert returns the id's entry, a new one with the producer id if there is none.
func (c *Coordinator) insert(id string, producerID int64) (*entry, *kerr.Error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.closed {
		return nil, kerr.CoordinatorNotAvailable
	}
	e := c.mu.entries[id]
	if e == nil {
		id = string([]byte(id)) // it may lie in a network buffer
		e = c.newEntry(id, transaction.New(producerID, time.Now().UnixMilli()))
		c.mu.entries[id] = e
	}
	return e, nil
}

func (c *Coordinator) newEntry(id string, v *transaction.Value) *entry {
	e := &entry{id: id, partition: c.topic.PartitionFor(id)}
	e.value.Store(v)
	return e
}

// forget removes an entry that has been marked as gone.
func (c *Coordinator) forget(e *entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.entries[e.id] == e {
		delete(c.mu.entries, e.id)
	}
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

// track notes whether the entry has a transaction.
func (c *Coordinator) track(e *entry, active bool) {
	c.active.Lock()
	defer c.active.Unlock()
	if active {
		c.active.set[e] = struct{}{}
	} else {
		delete(c.active.set, e)
	}
}

func (c *Coordinator) activeEntries() []*entry {
	c.active.Lock()
	defer c.active.Unlock()
	all := make([]*entry, 0, len(c.active.set))
	for e := range c.active.set {
		all = append(all, e)
	}
	return all
}
