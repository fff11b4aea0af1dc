package share

import (
	"errors"
	"fmt"
	"time"

	"github.com/evidentlog/evident/internal/broker/share/snapshot"
	"github.com/evidentlog/evident/internal/broker/statetopic"
	"github.com/evidentlog/evident/internal/log/batch"
)

// writeRetry is how long a write that failed waits to be tried again, unless a
// step asks for one before.
const writeRetry = time.Second

// ErrStorage is wrapped by the errors of writes that failed (KAFKA_STORAGE_ERROR).
var ErrStorage = errors.New("share group state cannot be written")

// changed notes that the window has something to be written, and returns the
// flush that ends when it has been. The lock is held; unlock begins the write.
func (p *partition) changed() *flush {
	p.mu.dirty = true
	if p.mu.look != nil {
		p.mu.look.barren = false
	}
	if p.mu.waiting == nil {
		p.mu.waiting = newFlush()
	}
	return p.mu.waiting
}

// write begins a write if there is something to be written and no other is under
// way. The lock is held.
func (p *partition) write() {
	if !p.mu.dirty || p.mu.writing != nil || p.mu.waiting == nil && !p.mu.retry.IsZero() {
		return
	}
	f := p.mu.waiting
	if f == nil {
		f = newFlush() // a retry, for which nobody waits
	}
	p.mu.dirty, p.mu.waiting, p.mu.writing, p.mu.retry = false, nil, f, time.Time{}
	var value []byte
	if !p.mu.gone {
		value = p.snapshot()
	}
	p.c.append(p.shard, p.key, value, func(err error) {
		p.c.events.add(func() { p.written(f, err) })
	})
}

// snapshot encodes the window. The lock is held.
func (p *partition) snapshot() []byte {
	w, s := p.mu.window, &p.mu.stored
	s.Epoch++
	s.Written = time.Now().UnixMilli()
	now := *s
	now.Start, now.Completed, now.Batches = w.Start(), int32(w.Finished()), w.Batches()
	return now.AppendTo(nil)
}

// written ends a write.
func (p *partition) written(f *flush, err error) {
	p.mu.Lock()
	p.mu.writing = nil
	if err != nil {
		p.mu.dirty, p.mu.retry = true, time.Now().Add(writeRetry)
		err = fmt.Errorf("%w: %w", ErrStorage, err)
		p.c.cfg.Logger.Error("a write to __share_group_state failed; trying again", "group", p.key.Group,
			"partition", p.key.Partition, "error", err)
	}
	if p.mu.gone && !p.mu.dirty && !p.mu.dropped {
		p.mu.dropped = true
		p.c.drop(p)
	}
	p.unlock()
	f.finish(err)
}

// append writes one record. A nil value is a tombstone.
func (c *Coordinator) append(shard int32, key snapshot.Key, value []byte, done func(error)) {
	b := c.builders.Get().(*batch.Builder)
	defer c.builders.Put(b)
	b.Reset(batch.Head{})
	err := b.Append(batch.Record{Timestamp: time.Now().UnixMilli(), Key: key.AppendTo(nil), Value: value})
	var built batch.Batch
	if err == nil {
		built, err = b.Build()
	}
	if err != nil {
		done(fmt.Errorf("%w: %w", statetopic.ErrTooLarge, err))
		return
	}
	c.cfg.Store.Append(shard, built, done)
}
