package process

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// inbox has the records that were fetched for a task, until the step that handled them
// is committed. The consumer puts them in, the task's worker takes them.
type inbox struct {
	mu     sync.Mutex
	chunks []chunk // oldest first
	begin  int     // records of the first chunk that are done with
	// Where the step is: records before it belong to it.
	chunk, next int
	bytes       int64 // of all chunks
}

// chunk is what one fetch brought of a partition.
type chunk struct {
	records []*kgo.Record
	bytes   int64
}

// recordBytes is about what a record takes beside its key, value and headers.
const recordBytes = 160

// put adds records, and tells how many bytes they take.
func (b *inbox) put(records []*kgo.Record) int64 {
	c := chunk{records: records}
	for _, r := range records {
		c.bytes += int64(recordBytes + len(r.Key) + len(r.Value))
		for _, h := range r.Headers {
			c.bytes += int64(len(h.Key) + len(h.Value))
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.chunks = append(b.chunks, c)
	b.bytes += c.bytes
	return c.bytes
}

// peek is what the step can go on with: up to most records, of one partition.
func (b *inbox) peek(most int) []*kgo.Record {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.chunk == len(b.chunks) {
		return nil
	}
	records := b.chunks[b.chunk].records[b.next:]
	return records[:min(len(records), most)]
}

// advance makes n records of what peek gave part of the step.
func (b *inbox) advance(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next += n; b.next == len(b.chunks[b.chunk].records) {
		b.chunk, b.next = b.chunk+1, 0
	}
}

// rewind takes all records out of the step: they come again.
func (b *inbox) rewind() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.chunk, b.next = 0, b.begin
}

// commit forgets the records of the step, and tells how many bytes are free.
func (b *inbox) commit() (freed int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.chunks[:b.chunk] {
		freed += c.bytes
	}
	n := copy(b.chunks, b.chunks[b.chunk:])
	clear(b.chunks[n:])
	b.chunks, b.begin, b.chunk = b.chunks[:n], b.next, 0
	b.bytes -= freed
	return freed
}

// clear forgets everything, and tells how many bytes are free.
func (b *inbox) clear() (freed int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	freed = b.bytes
	b.chunks, b.begin, b.chunk, b.next, b.bytes = nil, 0, 0, 0, 0
	return freed
}

// size is how many bytes there are.
func (b *inbox) size() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes
}
