package txn

import (
	"errors"
	"fmt"

	"github.com/evidentlog/evident/internal/log/batch"
)

// ErrTooLarge says that a record is larger than its topic takes.
var ErrTooLarge = errors.New("record is too large for its topic")

const (
	// recordRoom is what a record and its batch take beyond key, value and headers, at
	// most: the batch's header and nine numbers.
	recordRoom = batch.HeaderSize + 9*5 + 5
	// mostBatch is how large batches become, even if the topic takes larger ones: they
	// are checked and written piece by piece, and memory stays bounded.
	mostBatch = 1 << 20
)

// Buffer has the records of a transaction, encoded as batches. It must not be used
// concurrently.
type Buffer struct {
	codecs *batch.Codecs
	codec  batch.Codec
	topics map[string][]*part
	parts  []*part // those with records, in the order of their first
	free   []*batch.Builder
	size   int
	// spoiled: somebody may still be reading the batches, whose memory is therefore
	// not used again.
	spoiled bool

	save    uint64 // of the latest savepoint; 0 before the first
	touched []*part
	saved   int // len(parts) at the savepoint
	before  int // size at the savepoint

	last      []*part // of lastTopic: most records go where the one before went
	lastTopic string
}

// part is what goes to a partition.
type part struct {
	to       *Topic
	number   int32
	builders []*batch.Builder
	end      int64 // offset after what was written, once it is

	// Where it was at the savepoint.
	save  uint64
	count int // of builders
	mark  batch.Mark
}

// NewBuffer makes an empty buffer whose batches are compressed with codec.
func NewBuffer(codecs *batch.Codecs, codec batch.Codec) *Buffer {
	return &Buffer{codecs: codecs, codec: codec, topics: map[string][]*part{}}
}

// Size is how many bytes the records take, not compressed.
func (b *Buffer) Size() int { return b.size }

// Empty tells whether there are no records.
func (b *Buffer) Empty() bool { return len(b.parts) == 0 }

// End is the offset after the records for a partition, once they have been committed;
// 0 if there were none. The transaction's marker is there, or after it.
func (b *Buffer) End(topic string, partition int32) int64 {
	if parts := b.topics[topic]; int(partition) < len(parts) && parts[partition] != nil && len(parts[partition].builders) > 0 {
		return parts[partition].end
	}
	return 0
}

// Append adds a record, whose bytes are copied, for a partition that the topic has.
// The error wraps [ErrTooLarge] if the topic would not take it, and then nothing was
// added. It is for the offset that it gets; r.Offset is ignored.
func (b *Buffer) Append(to *Topic, partition int32, r batch.Record) error {
	size := recordRoom + len(r.Key) + len(r.Value) + r.Headers.Size()
	if err := to.Takes(size - recordRoom); err != nil {
		return err
	}
	p := b.part(to, partition)
	b.touch(p)
	builder := b.builder(p, size)
	before := builder.Size()
	if err := builder.Append(r); err != nil {
		return err
	}
	b.size += builder.Size() - before
	return nil
}

// Takes returns nil if the topic takes a record of so many bytes in key, value and
// headers, or else an error that wraps [ErrTooLarge].
func (t *Topic) Takes(size int) error {
	if size > t.MaxBytes-recordRoom {
		return fmt.Errorf("%w: about %d bytes, and max.message.bytes of %q is %d", ErrTooLarge, size, t.Name, t.MaxBytes)
	}
	return nil
}

// part is that of a partition.
func (b *Buffer) part(to *Topic, partition int32) *part {
	parts := b.last
	if b.lastTopic != to.Name || parts == nil {
		parts = b.topics[to.Name]
	}
	if int(partition) >= len(parts) {
		parts = append(parts, make([]*part, int(partition)+1-len(parts))...)
		b.topics[to.Name] = parts
	}
	b.last, b.lastTopic = parts, to.Name
	if parts[partition] == nil {
		parts[partition] = &part{number: partition}
	}
	p := parts[partition]
	p.to = to
	return p
}

// touch notes where p was at the savepoint, before it is changed.
func (b *Buffer) touch(p *part) {
	if len(p.builders) == 0 {
		b.parts = append(b.parts, p)
	}
	if b.save == 0 || p.save == b.save {
		return
	}
	p.save, p.count = b.save, len(p.builders)
	if p.count > 0 {
		p.mark = p.builders[p.count-1].Mark()
	}
	b.touched = append(b.touched, p)
}

// builder is that of p's last batch, or a new one if size bytes would make it too large.
func (b *Buffer) builder(p *part, size int) *batch.Builder {
	if n := len(p.builders); n > 0 && p.builders[n-1].Size()+size <= min(p.to.MaxBytes, mostBatch) {
		return p.builders[n-1]
	}
	var builder *batch.Builder
	head := batch.Head{Codec: b.codec, Transactional: true, LeaderEpoch: batch.NoLeaderEpoch}
	if n := len(b.free); n > 0 {
		builder, b.free = b.free[n-1], b.free[:n-1]
		builder.Reset(head)
	} else {
		builder = b.codecs.NewBuilder(head)
	}
	p.builders = append(p.builders, builder)
	return builder
}

// Save makes a savepoint; the one before it is no more.
func (b *Buffer) Save() {
	b.save++
	b.touched = b.touched[:0]
	b.saved, b.before = len(b.parts), b.size
}

// Undo takes back what was appended since the savepoint, which stays.
func (b *Buffer) Undo() {
	for _, p := range b.touched {
		b.free = append(b.free, p.builders[p.count:]...)
		p.builders = p.builders[:p.count]
		if p.count > 0 {
			p.builders[p.count-1].Undo(p.mark)
		}
		p.save = 0
	}
	b.touched, b.parts, b.size = b.touched[:0], b.parts[:b.saved], b.before
}

// Clear makes the buffer empty, without a savepoint. Its memory is used again.
func (b *Buffer) Clear() {
	if b.spoiled {
		*b = *NewBuffer(b.codecs, b.codec)
		return
	}
	for _, p := range b.parts {
		b.free = append(b.free, p.builders...)
		p.builders, p.save = p.builders[:0], 0
	}
	b.parts, b.touched, b.size, b.save = b.parts[:0], b.touched[:0], 0, 0
	b.saved, b.before = 0, 0
}
