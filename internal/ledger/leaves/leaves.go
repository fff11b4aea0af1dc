// Package leaves makes the leaves of a partition's tree from its record batches:
// each offset gets a salt, a commitment and an entry (docs/format/ledger.md).
//
// It takes batches as the log has them, and decodes records no further than
// their canonical form needs. It does no I/O but for random bytes.
package leaves

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"github.com/evidentlog/evident/internal/ledger/tree"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/proof"
)

// A Maker makes leaves. It is not for concurrent use; its memory is reused.
type Maker struct {
	codecs  *batch.Codecs
	salts   []byte // random bytes that are not used yet
	random  [saltsAtOnce * proof.SaltSize]byte
	opening []byte            // salt and canonical form of the record at hand
	keys    map[string]string // of headers, which repeat
	record  proof.Record
}

// saltsAtOnce is how many salts are asked of the system's generator at a time.
const saltsAtOnce = 256

// New returns a maker that takes its salts from the system's generator.
func New(codecs *batch.Codecs) *Maker {
	return &Maker{codecs: codecs, keys: map[string]string{}}
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
	m.Lost(g, b.BaseOffset(), proof.Removed)
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
			first := g.Next()
			m.Lost(g, b.NextOffset(), proof.Unreadable)
			return fmt.Errorf("offsets %d to %d: %w", first, b.LastOffset(), err)
		}
		if r.Offset < g.Next() {
			continue
		}
		m.add(g, &r)
	}
	m.Lost(g, b.NextOffset(), proof.Removed)
	return nil
}

// add adds the leaf of a record.
func (m *Maker) add(g *Growth, r *batch.Record) {
	m.Lost(g, r.Offset, proof.Removed)
	m.record.Timestamp, m.record.Key, m.record.Value = r.Timestamp, r.Key, r.Value
	m.record.Headers = m.record.Headers[:0]
	for key, value := range r.Headers.All() {
		m.record.Headers = append(m.record.Headers, proof.Header{Key: m.key(key), Value: value})
	}
	m.leaf(g, &m.record)
}

// Lost adds lost offsets up to, and without, an offset.
func (m *Maker) Lost(g *Growth, to int64, why proof.Reason) {
	for lost := proof.LostRecord(why); g.Next() < to; {
		m.leaf(g, &lost)
	}
}

// leaf adds what stands at the next offset.
func (m *Maker) leaf(g *Growth, r *proof.Record) {
	salt := m.salt()
	m.opening = r.AppendCanonical(append(m.opening[:0], salt...))
	e := proof.Entry{Offset: g.Next(), Timestamp: r.Timestamp, Commitment: proof.Commit(m.opening)}
	g.Salts = append(g.Salts, salt...)
	g.Entries = binary.BigEndian.AppendUint16(g.Entries, proof.EntrySize)
	g.Entries = e.Append(g.Entries)
	g.Tree.Append(e.LeafHash(), &g.Hashes)
}

// salt returns random bytes that are used for nothing else.
func (m *Maker) salt() []byte {
	if len(m.salts) == 0 {
		rand.Read(m.random[:]) // never fails: the program ends if it does
		m.salts = m.random[:]
	}
	salt := m.salts[:proof.SaltSize]
	m.salts = m.salts[proof.SaltSize:]
	return salt
}

// key returns the key of a header as a string, without making one each time.
func (m *Maker) key(b []byte) string {
	if key, ok := m.keys[string(b)]; ok {
		return key
	}
	const most = 1000
	if len(m.keys) >= most {
		clear(m.keys)
	}
	key := string(b)
	m.keys[key] = key
	return key
}
