package index

import (
	"sync"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/log/batch"
)

// A Collector collects what the index keeps of the records of a batch. It is not
// for concurrent use; its memory is reused.
type Collector struct {
	secret secret
	items  []item
	pool   *sync.Pool
}

// Collector returns an empty collector, for any partition of the index.
func (ix *Index) Collector() *Collector {
	if c, ok := ix.collectors.Get().(*Collector); ok {
		return c
	}
	return &Collector{secret: ix.secret, pool: &ix.collectors}
}

// Release lets a collector that is not needed any more be used again.
func (c *Collector) Release() {
	c.items = c.items[:0]
	c.pool.Put(c)
}

// Record collects a record, which is no control record. Offsets rise.
func (c *Collector) Record(offset, timestamp int64, key, value []byte, headers batch.Headers) {
	c.items = append(c.items, item{offset: offset, timestamp: timestamp})
	it := &c.items[len(c.items)-1]
	if key != nil {
		it.set(Key, c.secret.hash(Key, key))
	}
	if headers.Len() == 0 {
		return
	}
	g := event.GlanceAt(headers.All(), value)
	for f := ID; f < Field(fields); f++ {
		if v := attribute(&g, f); v != nil {
			it.set(f, c.secret.hash(f, v))
		}
	}
}

func (it *item) set(f Field, hash uint64) {
	it.hashes[f] = hash
	it.has |= 1 << f
}
