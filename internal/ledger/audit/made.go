package audit

import (
	"context"
	"fmt"

	"github.com/evidentlog/evident/internal/ledger/leaves"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/proof"
)

// Counts are offsets by what is known of them.
type Counts struct {
	// Recomputed: the record, with its salt, gives the entry.
	Recomputed int64 `json:"recomputed"`
	// Removed: the log has the record no more, or salts are not to be had: it is
	// known by its entry only.
	Removed int64 `json:"removed"`
	// Erased: the root log says so.
	Erased int64 `json:"erased"`
	// Lost: the ledger never had a record, and the entry says why.
	Lost int64 `json:"lost"`
}

func (c *Counts) add(d Counts) {
	c.Recomputed += d.Recomputed
	c.Removed += d.Removed
	c.Erased += d.Erased
	c.Lost += d.Lost
}

// A maker makes entries of records and salts, and compares them with those that
// are served. One goroutine uses it.
type maker struct {
	tree   *treeLog
	codecs *batch.Codecs
	batch  batch.Batch // that is at hand; nil if none is
	ended  bool        // the log has no more
	record proof.Record
	bytes  []byte       // opening and entry
	names  leaves.Names // of headers
	// erasedSince tells whether an offset was erased since the root log was read.
	erasedSince func(context.Context, *treeLog, int64) (bool, error)

	// Of the chunk at hand.
	chunk  *chunk
	seen   []bool // offsets with a record
	others map[int]proof.Hash
	counts Counts
	ck     *checker
	bare   []int64 // offsets whose salt is gone, and nobody has said why
}

// take compares the entries of a chunk with what the log has of their offsets.
func (m *maker) take(ctx context.Context, c *chunk) (others map[int]proof.Hash, err error) {
	m.chunk, m.others, m.counts = c, map[int]proof.Hash{}, Counts{}
	m.seen = make([]bool, len(c.entries))
	if m.tree.source != nil {
		if err := m.records(ctx); err != nil {
			return nil, err
		}
	}
	for i, seen := range m.seen {
		if !seen {
			m.unseen(i)
		}
	}
	return m.others, m.gone(ctx)
}

// records reads the log to the end of the chunk.
func (m *maker) records(ctx context.Context) error {
	for !m.ended {
		if m.batch == nil {
			b, ok, err := m.tree.source.next(ctx)
			if err != nil {
				return err
			}
			if !ok {
				m.ended = true
				return nil
			}
			if err := b.Check(); err != nil {
				return finding(m.ck.name, b.BaseOffset(), RecordPart, "the records from offset %d to %d: %v", b.BaseOffset(), b.LastOffset(), err)
			}
			m.batch = b
		}
		if m.batch.BaseOffset() >= m.chunk.end() {
			return nil
		}
		m.takeBatch(m.batch)
		if m.batch.NextOffset() > m.chunk.end() {
			return nil // the rest belongs to the next chunk
		}
		m.batch = nil
	}
	return nil
}

// takeBatch compares the records of a batch that are in the chunk.
func (m *maker) takeBatch(b batch.Batch) {
	m.record = proof.Record{
		Kind: proof.Data, LogAppendTime: b.Attributes().LogAppendTime(), Transactional: b.Attributes().Transactional(),
		ProducerID: b.ProducerID(), ProducerEpoch: b.ProducerEpoch(), Headers: m.record.Headers[:0],
	}
	if b.Attributes().Control() {
		m.record.Kind = proof.Control
	}
	next := b.BaseOffset()
	for r, err := range m.codecs.Records(b) {
		if err != nil {
			m.unreadable(next, b.NextOffset())
			return
		}
		next = r.Offset + 1
		if r.Offset < m.chunk.from {
			continue
		}
		if r.Offset >= m.chunk.end() {
			return
		}
		m.record.Timestamp, m.record.Key, m.record.Value = r.Timestamp, r.Key, r.Value
		m.record.Headers = m.record.Headers[:0]
		for key, value := range r.Headers.All() {
			m.record.Headers = append(m.record.Headers, proof.Header{Key: m.names.Of(key), Value: value})
		}
		m.compare(int(r.Offset-m.chunk.from), &m.record)
	}
}

// unreadable compares offsets of a batch that cannot be read: the ledger could
// not either.
func (m *maker) unreadable(from, to int64) {
	lost := proof.LostRecord(proof.Unreadable)
	for offset := max(from, m.chunk.from); offset < min(to, m.chunk.end()); offset++ {
		m.compare(int(offset-m.chunk.from), &lost)
	}
}

// salt returns the salt of an entry of the chunk; nil if it is not to be had.
func (m *maker) salt(i int) []byte {
	if m.chunk.salts == nil {
		return nil
	}
	return m.chunk.salts[i*proof.SaltSize : (i+1)*proof.SaltSize]
}

func isZero(salt []byte) bool { return proof.Salt(salt) == (proof.Salt{}) }

// compare makes the entry of a record, and compares it with the one served.
func (m *maker) compare(i int, r *proof.Record) {
	offset, salt := m.chunk.from+int64(i), m.salt(i)
	m.seen[i] = true
	switch {
	case salt == nil:
		m.counts.Removed++
		return
	case isZero(salt):
		m.withoutSalt(offset)
		return
	case m.made(i, r):
		if r.Kind == proof.Lost {
			m.counts.Lost++
		} else {
			m.counts.Recomputed++
		}
		return
	}
	m.ck.suspect(finding(m.ck.name, offset, RecordPart,
		"the record at offset %d was altered, or its salt: together they do not give the commitment that the ledger has", offset))
	e := m.entry(offset, r, salt)
	m.others[i] = e.LeafHash()
}

// withoutSalt notes an offset whose salt is gone.
func (m *maker) withoutSalt(offset int64) {
	m.counts.Erased++
	if !m.tree.wasErased(offset) {
		m.bare = append(m.bare, offset)
	}
}

// gone asks that the root log says by now why salts are gone.
func (m *maker) gone(ctx context.Context) error {
	for _, offset := range m.bare {
		erased, err := m.erasedSince(ctx, m.tree, offset)
		if err != nil {
			return err
		}
		if !erased {
			m.ck.suspect(finding(m.ck.name, offset, SaltPart, "the salt of offset %d is gone, and no entry of the root log says that it was erased", offset))
			break
		}
	}
	m.bare = m.bare[:0]
	return nil
}

// entry makes the entry of a record.
func (m *maker) entry(offset int64, r *proof.Record, salt []byte) proof.Entry {
	m.bytes = r.AppendCanonical(append(m.bytes[:0], salt...))
	return proof.Entry{Offset: offset, Timestamp: r.Timestamp, Commitment: proof.Commit(m.bytes)}
}

// made tells whether a record gives the entry that is served.
func (m *maker) made(i int, r *proof.Record) bool {
	e := m.entry(m.chunk.from+int64(i), r, m.salt(i))
	m.bytes = e.Append(m.bytes[:0])
	return string(m.bytes) == string(m.chunk.entries[i])
}

// unseen counts an offset of which the log has nothing.
func (m *maker) unseen(i int) {
	offset, salt := m.chunk.from+int64(i), m.salt(i)
	switch {
	case salt == nil:
		m.counts.Removed++
	case isZero(salt):
		m.withoutSalt(offset)
	case m.tree.wasErased(offset):
		m.counts.Erased++
		m.ck.suspect(finding(m.ck.name, offset, SaltPart, "the root log says that offset %d was erased, and its salt is still there", offset))
	case m.lost(i):
		m.counts.Lost++
	default:
		m.counts.Removed++
		if e, err := proof.ParseEntry(m.chunk.entries[i]); err != nil || e.Offset != offset {
			m.ck.suspect(finding(m.ck.name, offset, EntryPart, "the entry of offset %d is none: %v", offset, describe(e, err)))
		}
	}
}

func describe(e proof.Entry, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("it is of offset %d", e.Offset)
}

// lost tells whether an entry is that of an offset without a record.
func (m *maker) lost(i int) bool {
	for why := proof.Removed; why <= proof.Unreadable; why++ {
		r := proof.LostRecord(why)
		if m.made(i, &r) {
			return true
		}
	}
	return false
}
