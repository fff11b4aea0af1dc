package group

import (
	"errors"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/log/batch"
)

// ErrLoading is the error of EndTransaction for a partition that has not been
// read yet.
var ErrLoading = errors.New("consumer groups are being loaded")

// openTransactions tells which groups have offsets in a transaction.
type openTransactions struct {
	mu     sync.Mutex
	groups map[openTransaction]map[*entry]struct{}
}

// openTransaction is a producer's in one partition of __consumer_offsets.
type openTransaction struct {
	partition  int32
	producerID int64
}

func (o *openTransactions) add(t openTransaction, e *entry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.groups == nil {
		o.groups = map[openTransaction]map[*entry]struct{}{}
	}
	if o.groups[t] == nil {
		o.groups[t] = map[*entry]struct{}{}
	}
	o.groups[t][e] = struct{}{}
}

func (o *openTransactions) of(t openTransaction) []*entry {
	o.mu.Lock()
	defer o.mu.Unlock()
	var all []*entry
	for e := range o.groups[t] {
		all = append(all, e)
	}
	return all
}

func (o *openTransactions) remove(t openTransaction) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.groups, t)
}

// inTransaction is the transaction that offsets belong to.
type inTransaction struct {
	batch.Producer
	admit func() *kerr.Error // has the last word, with the partition's lock held
}

// appendTransactional is append for offsets of a transaction: they are in one
// batch, so that all are there or none.
func (c *Coordinator) appendTransactional(e *entry, records []record, txn *inTransaction, apply func(*kerr.Error)) {
	c.open.add(openTransaction{e.partition, txn.Producer.ID}, e)
	how := packing{head: batch.Head{Producer: &txn.Producer, Transactional: true}}
	to := func(partition int32, built []byte, done func(error)) {
		c.cfg.Store.AppendTransactional(partition, built, txn.admit, done)
	}
	c.write(e, records, how, to, apply)
}

// EndTransaction ends a transaction in a partition of __consumer_offsets: its
// offsets become visible, or are dropped, with the marker. No more of them are
// admitted any more. It may wait for the partition, but not for the disk; done
// is called once, when the marker is durable or has not been written, and must not
// wait.
func (c *Coordinator) EndTransaction(partition int32, m batch.Marker, done func(error)) {
	if !c.topic.Loaded(partition) {
		done(ErrLoading)
		return
	}
	t := openTransaction{partition, m.ProducerID}
	entries := c.open.of(t)
	writes := make([]*write, len(entries))
	for i, e := range entries {
		writes[i] = e.expectMarker(m)
	}
	c.cfg.Store.AppendMarker(partition, m, func(err error) {
		if err == nil {
			c.open.remove(t)
		}
		for i, e := range entries {
			c.finished.add(e, writes[i], err)
		}
		done(err)
	})
}

// expectMarker queues the end of a transaction behind the writes before it.
func (e *entry) expectMarker(m batch.Marker) *write {
	e.mu.Lock()
	defer e.mu.Unlock()
	w := &write{left: 1, apply: func(err *kerr.Error) {
		if err == nil {
			e.pending.end(m, &e.offsets)
		}
	}}
	e.writes = append(e.writes, w)
	return w
}
