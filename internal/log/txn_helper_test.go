package log

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/evidentlog/evident/internal/log/batch"
)

// txnProducer writes transactions to one partition.
type txnProducer struct {
	batch.Producer
	coordinator int32
}

func transacting(id int64) *txnProducer { return &txnProducer{Producer: batch.Producer{ID: id}} }

// next is a transactional batch with the values v to v+n-1.
func (a *txnProducer) next(t testing.TB, v, n int) []byte {
	t.Helper()
	at := a.Producer
	a.Sequence += int32(n)
	return numbered(t, batch.Head{Producer: &at, Transactional: true}, v, n)
}

// testTime, in ms since the epoch, is that of all records, and when the clock of
// testing/synctest begins.
const testTime = 946_684_800_000

// numbered is a batch with the values v to v+n-1, each under a key of five.
func numbered(t testing.TB, h batch.Head, v, n int) []byte {
	t.Helper()
	var c batch.Codecs
	b := c.NewBuilder(h)
	for i := range n {
		r := batch.Record{Timestamp: testTime, Key: fmt.Appendf(nil, "key-%d", (v+i)%5), Value: binary.BigEndian.AppendUint64(nil, uint64(v+i))}
		if err := b.Append(r); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Clone(raw)
}

func (a *txnProducer) marker(commit bool) Marker {
	return Marker{ProducerID: a.ID, ProducerEpoch: a.Epoch, CoordinatorEpoch: a.coordinator, Commit: commit}
}

// end ends the transaction and waits until that is durable.
func (a *txnProducer) end(p *Partition, commit bool) error {
	ch := make(chan error, 1)
	if err := p.AppendMarker(a.marker(commit), func(err error) { ch <- err }); err != nil {
		return err
	}
	return <-ch
}

func mustEnd(t testing.TB, p *Partition, a *txnProducer, commit bool) {
	t.Helper()
	if err := a.end(p, commit); err != nil {
		t.Fatal(err)
	}
}

// batchesBelow reads whole batches from the log start up to the high watermark.
func batchesBelow(p *Partition) (out []batch.Batch, err error) {
	for next := p.LogStart(); next < p.HighWatermark(); {
		raw, err := readFrom(p, next, 1<<20)
		if err != nil {
			return nil, fmt.Errorf("offset %d: %w", next, err)
		}
		before := next
		for len(raw) > 0 {
			b, rest, err := batch.Next(raw)
			if err != nil {
				break // cut short by the limit
			}
			out, next, raw = append(out, b), b.NextOffset(), rest
		}
		if next <= before {
			return nil, fmt.Errorf("no whole batch at offset %d", next)
		}
	}
	return out, nil
}

// outcome is what batches say of transactions.
type outcome struct {
	stable    int64
	open      map[int64]int64 // first offset by producer
	epochs    map[int64]int16 // of what is open, by producer
	committed []stored
}

// outcomeOf is what the batches of p say.
func outcomeOf(p *Partition) (outcome, error) {
	all, err := batchesBelow(p)
	if err != nil {
		return outcome{}, err
	}
	o, err := followed(all, p.HighWatermark())
	if lost := begunBelow(p); len(lost) > 0 {
		o.stable = p.LogStart()
	}
	o.stable = max(o.stable, p.LogStart())
	o.committed = slices.DeleteFunc(o.committed, func(r stored) bool { return r.offset < p.LogStart() || r.offset >= o.stable })
	return o, err
}

// followed goes through the batches one by one, as simply as can be.
func followed(all []batch.Batch, end int64) (outcome, error) {
	o := outcome{open: make(map[int64]int64), epochs: make(map[int64]int16), stable: end}
	held := make(map[int64][]stored)
	for _, b := range all {
		id := b.ProducerID()
		if m, ok := b.Marker(); ok {
			if m.Commit {
				o.committed = append(o.committed, held[id]...)
			}
			delete(o.open, id)
			delete(o.epochs, id)
			delete(held, id)
		}
		if b.Attributes().Control() { // or of one that compaction has emptied
			continue
		}
		records, _, err := recordsOf(b)
		if err != nil {
			return o, err
		}
		if !b.Attributes().Transactional() {
			o.committed = append(o.committed, records...)
			continue
		}
		held[id] = append(held[id], records...)
		if _, ok := o.open[id]; !ok {
			o.open[id], o.epochs[id] = b.BaseOffset(), b.ProducerEpoch()
		}
	}
	for _, first := range o.open {
		o.stable = min(o.stable, first)
	}
	slices.SortFunc(o.committed, func(a, b stored) int { return cmp.Compare(a.offset, b.offset) })
	return o, nil
}

// begunBelow lists the producers with transactions that are open since before the
// log start. The batches do not tell of them.
func begunBelow(p *Partition) (ids []int64) {
	for _, s := range p.Producers() {
		if s.TxnStart >= 0 && s.TxnStart < p.LogStart() {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// committedFrom reads from offset on as a consumer of committed records does, at most
// maxBytes at a time.
func committedFrom(p *Partition, offset int64, maxBytes int) ([]stored, error) {
	var out []stored
	for {
		raw, aborted, err := fetchCommitted(p, offset, maxBytes)
		if err != nil || len(raw) == 0 {
			return out, err
		}
		records, next, err := visible(raw, aborted, offset)
		if err != nil {
			return nil, err
		}
		if next <= offset {
			return nil, fmt.Errorf("no whole batch at offset %d", offset)
		}
		out, offset = append(out, records...), next
	}
}

func fetchCommitted(p *Partition, offset int64, maxBytes int) ([]byte, []AbortedTxn, error) {
	s, aborted, err := p.ReadCommitted(offset, maxBytes, true)
	if err != nil {
		return nil, nil, fmt.Errorf("offset %d: %w", offset, err)
	}
	defer s.Close()
	raw, err := s.Bytes()
	return raw, aborted, err
}

// visible is what Kafka's consumer hands on of a response, and the offset that it asks
// for next.
func visible(raw []byte, aborted []AbortedTxn, offset int64) (out []stored, next int64, err error) {
	slices.SortStableFunc(aborted, func(a, b AbortedTxn) int { return cmp.Compare(a.FirstOffset, b.FirstOffset) })
	dropping := make(map[int64]bool)
	next = offset
	for len(raw) > 0 {
		b, rest, err := batch.Next(raw)
		if err != nil {
			break
		}
		for len(aborted) > 0 && aborted[0].FirstOffset <= b.LastOffset() {
			dropping[aborted[0].ProducerID] = true
			aborted = aborted[1:]
		}
		next, raw = b.NextOffset(), rest
		if b.Attributes().Control() {
			if m, ok := b.Marker(); ok && !m.Commit {
				delete(dropping, b.ProducerID())
			}
			continue
		}
		if b.Attributes().Transactional() && dropping[b.ProducerID()] {
			continue
		}
		records, _, err := recordsOf(b)
		if err != nil {
			return nil, 0, err
		}
		out = append(out, slices.DeleteFunc(records, func(r stored) bool { return r.offset < offset })...)
	}
	return out, next, nil
}

// checkTransactions compares all that the partition tells of transactions with
// what its batches say.
func checkTransactions(p *Partition) error {
	o, err := outcomeOf(p)
	if err != nil {
		return err
	}
	if got := p.LastStableOffset(); got != o.stable {
		return fmt.Errorf("last stable offset %d, the batches say %d (open: %v)", got, o.stable, o.open)
	}
	for _, s := range p.Producers() {
		if first, ok := o.open[s.ID]; !slices.Contains(begunBelow(p), s.ID) && (ok != (s.TxnStart >= 0) || ok && first != s.TxnStart) {
			return fmt.Errorf("producer %d: transaction begins at %d, the batches say %v", s.ID, s.TxnStart, o.open)
		}
	}
	for _, txn := range p.OpenTransactions() {
		if epoch, ok := o.epochs[txn.ProducerID]; ok && epoch != txn.Epoch {
			return fmt.Errorf("the open transaction of producer %d has epoch %d, the batches say %d", txn.ProducerID, txn.Epoch, epoch)
		}
	}
	for from := p.LogStart(); from <= p.HighWatermark(); from += 1 + (p.HighWatermark()-p.LogStart())/7 {
		for _, size := range []int{1, 300, 1 << 20} {
			got, err := committedFrom(p, from, size)
			if err != nil {
				return err
			}
			want := slices.DeleteFunc(slices.Clone(o.committed), func(r stored) bool { return r.offset < from })
			if !slices.Equal(got, want) {
				return fmt.Errorf("from offset %d, %d bytes at a time: read %v, want %v", from, size, got, want)
			}
		}
	}
	return nil
}

// checkProducers compares the epochs and sequence numbers that the partition knows
// with what its batches say. When batches have been taken back, epochs stay, and no
// more is known than of the last few batches.
func checkProducers(p *Partition, truncated bool) error {
	all, err := batchesBelow(p)
	if err != nil {
		return err
	}
	const unknown = -2                     // the marker's epoch may have begun before the log start
	last := make(map[int64]batch.Producer) // with its last sequence number
	for _, b := range all {
		at, ok := last[b.ProducerID()]
		now := batch.Producer{ID: b.ProducerID(), Epoch: b.ProducerEpoch(), Sequence: b.LastSequence()}
		switch {
		case !b.Attributes().Control():
		case !ok:
			now.Sequence = unknown
		case at.Epoch == now.Epoch:
			now.Sequence = at.Sequence
		}
		last[b.ProducerID()] = now
	}
	delete(last, batch.NoProducerID)
	for _, s := range p.Producers() {
		want, ok := last[s.ID]
		delete(last, s.ID)
		if !ok || s.Epoch == want.Epoch && (s.LastSequence == want.Sequence || want.Sequence == unknown) {
			continue
		}
		if !truncated || s.Epoch < want.Epoch || s.Epoch == want.Epoch && s.LastSequence != batch.NoSequence {
			return fmt.Errorf("producer %+v, the batches say %+v", s, want)
		}
	}
	if len(last) > 0 {
		return fmt.Errorf("nothing is known of the producers of %v", last)
	}
	return nil
}

func mustAgree(t testing.TB, p *Partition) {
	t.Helper()
	if err := checkTransactions(p); err != nil {
		t.Fatal(err)
	}
}
