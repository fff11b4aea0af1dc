// Package leaves makes the leaves of a partition's tree from its record batches:
// each offset gets a salt, a commitment and an entry (docs/format/ledger.md).
//
// It takes batches as the log has them, and decodes records no further than
// their canonical form needs. It does no I/O but for random bytes.
package leaves

import (
	"fmt"

	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/proof"
)

// A Maker makes leaves. It is not for concurrent use, but for any number of trees
// in turn; it has some 200 KB of memory for itself.
type Maker struct {
	codecs *batch.Codecs
	names  Names // of headers
	record proof.Record
	group  group
	watch  Watcher
}

// A Watcher is shown the records that get leaves, but for control records. What it
// is shown it must not keep.
type Watcher interface {
	Record(offset, timestamp int64, key, value []byte, headers batch.Headers)
}

// Watch sets who is shown records from now on; nobody if w is nil.
func (m *Maker) Watch(w Watcher) { m.watch = w }

// New returns a maker. Its salts come from AES in counter mode, keyed anew from the
// system's generator for each group of leaves.
func New(codecs *batch.Codecs) *Maker {
	m := &Maker{codecs: codecs, names: Names{}}
	m.group.init()
	return m
}

// A Growth is a tree with the leaves that it gained and nobody has stored yet.
// The leaves begin at First and end at the tree's size, which is the next offset.
type Growth struct {
	Tree    *tree.Tree
	First   int64
	Entries []byte       // as a bundle of tlog-tiles has them
	Salts   []byte       // one after the other
	Hashes  tree.Streams // of tiles that became final
}

// Next is the offset of the leaf that comes next.
func (g *Growth) Next() int64 { return g.Tree.Size() }

// Reset forgets the leaves, which have been stored.
func (g *Growth) Reset() {
	g.First, g.Entries, g.Salts = g.Next(), g.Entries[:0], g.Salts[:0]
	for level := range g.Hashes {
		g.Hashes[level] = g.Hashes[level][:0]
	}
}

// Batch adds the leaves of a batch, whose CRC has been checked. Offsets before
// the batch that have no leaf yet become lost; those that have one are left
// alone, as a fetch may begin in the middle of a batch. The error tells that
// records could not be read; the rest of the batch is lost then, too.
func (m *Maker) Batch(g *Growth, b batch.Batch) error {
	m.group.begin(g)
	defer m.group.flush()
	m.lost(b.BaseOffset(), proof.Removed)
	m.record = proof.Record{
		Kind:          proof.Data,
		LogAppendTime: b.Attributes().LogAppendTime(),
		Transactional: b.Attributes().Transactional(),
		ProducerID:    b.ProducerID(),
		ProducerEpoch: b.ProducerEpoch(),
		Headers:       m.record.Headers[:0],
	}
	if b.Attributes().Control() {
		m.record.Kind = proof.Control
	}
	for r, err := range m.codecs.Records(b) {
		if err != nil {
			first := m.group.next
			m.lost(b.NextOffset(), proof.Unreadable)
			return fmt.Errorf("offsets %d to %d: %w", first, b.LastOffset(), err)
		}
		if r.Offset < m.group.next {
			continue
		}
		m.add(&r)
	}
	m.lost(b.NextOffset(), proof.Removed)
	return nil
}

// add adds the leaf of a record.
func (m *Maker) add(r *batch.Record) {
	m.lost(r.Offset, proof.Removed)
	m.record.Timestamp, m.record.Key, m.record.Value = r.Timestamp, r.Key, r.Value
	m.record.Headers = m.record.Headers[:0]
	if r.Headers.Len() > 0 {
		for key, value := range r.Headers.All() {
			m.record.Headers = append(m.record.Headers, proof.Header{Key: m.names.Of(key), Value: value})
		}
	}
	m.group.add(&m.record)
	if m.watch != nil && m.record.Kind == proof.Data {
		m.watch.Record(r.Offset, r.Timestamp, r.Key, r.Value, r.Headers)
	}
}

// Lost adds lost offsets up to, and without, an offset.
func (m *Maker) Lost(g *Growth, to int64, why proof.Reason) {
	m.group.begin(g)
	defer m.group.flush()
	m.lost(to, why)
}

func (m *Maker) lost(to int64, why proof.Reason) {
	if m.group.next >= to { // as nearly always
		return
	}
	for lost := proof.LostRecord(why); m.group.next < to; {
		m.group.add(&lost)
	}
}
