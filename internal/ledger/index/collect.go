package index

import (
	"github.com/evidentlog/evident/internal/log/batch"
)

// A Collector collects what the index keeps of the records of a batch. It is not
// for concurrent use; its memory is reused.
type Collector struct {
	secret secret
	items  []item
}

// NewCollector returns a collector for all partitions of the index.
func (ix *Index) NewCollector() *Collector { return &Collector{secret: ix.secret} }

// Reset forgets what was collected.
func (c *Collector) Reset() { c.items = c.items[:0] }

// Record collects a record, which is no control record. Offsets rise.
func (c *Collector) Record(r *batch.Record) {
	c.items = append(c.items, item{offset: r.Offset, timestamp: r.Timestamp})
	it := &c.items[len(c.items)-1]
	if r.Key != nil {
		it.set(Key, c.secret.hash(Key, r.Key))
	}
	if r.Headers.Len() == 0 {
		return
	}
	e := EventOf(r.Headers.All(), r.Value)
	for f := ID; f < Field(fields); f++ {
		if v := e.ByField(f); v != nil {
			it.set(f, c.secret.hash(f, v))
		}
	}
}

func (it *item) set(f Field, hash uint64) {
	it.hashes[f] = hash
	it.has |= 1 << f
}
