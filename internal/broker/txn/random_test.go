package txn

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
	"github.com/evidentlog/evident/internal/broker/txn/transaction"
	"github.com/evidentlog/evident/internal/log/batch"
)

// Whatever is slow, fails or is lost in a crash: a transaction is in all of its
// partitions or in none, as its producer was told.
func TestTransactionsAreWholeThroughEverything(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newStorm(t, seed).run() })
		})
	}
}

// storm is a coordinator with clients, whose disk has bad days.
type storm struct {
	*harness
	rng     *rand.Rand // owned by run
	current atomic.Pointer[Coordinator]
	log     *ledger
	clients []*stormClient
}

func newStorm(t *testing.T, seed uint64) *storm {
	s := &storm{rng: rand.New(rand.NewPCG(seed, 0)), log: &ledger{t: t, partitions: map[transaction.Partition]*column{}}}
	s.harness = &harness{t: t, store: statetopictest.New(0)}
	s.cfg = Config{Store: s.store, Log: s.log, ProducerID: s.producerID}
	for i := range 4 {
		version := transaction.V2
		if i == 0 {
			version = transaction.V0
		}
		s.clients = append(s.clients, &stormClient{
			storm: s, id: fmt.Sprint("tx", i), version: version, rng: rand.New(rand.NewPCG(seed, uint64(i)+1)), told: map[string]bool{},
		})
	}
	return s
}

func (s *storm) run() {
	s.start()
	s.current.Store(s.Coordinator)
	defer func() { s.stop() }()
	var working sync.WaitGroup
	for _, c := range s.clients {
		working.Go(c.run)
	}
	for range 15 {
		s.weather()
		time.Sleep(time.Duration(s.rng.IntN(3000)) * time.Millisecond)
	}
	s.store.Set(statetopictest.Faults{})
	s.log.set(0, nil)
	working.Wait()
	for _, c := range s.clients {
		c.begin() // ends what is open
	}
	pass(3 * time.Second)
	for _, c := range s.clients {
		c.check()
	}
}

// weather changes what goes wrong, or lets the power go.
func (s *storm) weather() {
	var failure error
	if s.rng.IntN(3) == 0 {
		failure = errDisk
	}
	delay := time.Duration(s.rng.IntN(300)) * time.Millisecond
	switch s.rng.IntN(4) {
	case 0:
		s.stop()
		s.log.crash()
		s.store.Crash()
		s.start()
		s.current.Store(s.Coordinator)
	case 1:
		s.log.set(delay, failure)
	case 2:
		s.store.Set(statetopictest.Faults{Delay: delay, Append: failure})
	case 3:
		s.store.Set(statetopictest.Faults{Delay: delay})
		s.log.set(delay, nil)
	}
}

// ledger is partitions that keep values, and what became of them.
type ledger struct {
	t          testing.TB
	mu         sync.Mutex
	partitions map[transaction.Partition]*column
	delay      time.Duration
	err        error
	crashes    int // what was on its way before is lost
}

// column is one partition.
type column struct {
	open      map[int64]*openTxn // by producer id
	committed []string
}

// openTxn is what a producer wrote since its last marker.
type openTxn struct {
	epoch  int16
	values []*openValue
}

type openValue struct {
	value   string
	durable bool
}

func (l *ledger) set(delay time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay, l.err = delay, err
}

// crash loses what is not durable.
func (l *ledger) crash() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.crashes++
	for _, c := range l.partitions {
		for id, txn := range c.open {
			txn.values = slices.DeleteFunc(txn.values, func(v *openValue) bool { return !v.durable })
			if len(txn.values) == 0 {
				delete(c.open, id)
			}
		}
	}
}

// at returns a partition. The lock is held.
func (l *ledger) at(p transaction.Partition) *column {
	if l.partitions[p] == nil {
		l.partitions[p] = &column{open: map[int64]*openTxn{}}
	}
	return l.partitions[p]
}

func (l *ledger) Open() []transaction.Open {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []transaction.Open
	for p, c := range l.partitions {
		for id, txn := range c.open {
			all = append(all, transaction.Open{In: p, By: transaction.Producer{ID: id, Epoch: txn.epoch}})
		}
	}
	return all
}

func (l *ledger) Check(transaction.Partition) *kerr.Error { return nil }

// append keeps a value if it is admitted, which is asked with the lock held, unless
// the transaction has it already. done is called when it is durable, or not admitted.
func (l *ledger) append(p transaction.Partition, by transaction.Producer, value string, admit func() *kerr.Error, done func(*kerr.Error)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := admit(); err != nil {
		done(err)
		return
	}
	v := l.at(p).add(l.t, by, value)
	crashes := l.crashes
	time.AfterFunc(l.delay, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if crashes != l.crashes {
			done(kerr.CoordinatorNotAvailable)
			return
		}
		v.durable = true
		done(nil)
	})
}

// add returns the value as it is in the producer's open transaction.
func (c *column) add(t testing.TB, by transaction.Producer, value string) *openValue {
	txn := c.open[by.ID]
	if txn == nil {
		txn = &openTxn{epoch: by.Epoch}
		c.open[by.ID] = txn
	}
	if txn.epoch != by.Epoch {
		t.Errorf("%s of %v is written into a transaction of epoch %d", value, by, txn.epoch)
	}
	for _, v := range txn.values {
		if v.value == value {
			return v
		}
	}
	v := &openValue{value: value}
	txn.values = append(txn.values, v)
	return v
}

func (l *ledger) AppendMarker(p transaction.Partition, m batch.Marker, done func(error)) {
	l.mu.Lock()
	err, delay, crashes := l.err, l.delay, l.crashes
	l.mu.Unlock()
	time.AfterFunc(delay, func() {
		l.mu.Lock()
		if crashes != l.crashes {
			err = errDisk
		}
		if err == nil {
			l.at(p).end(m)
		}
		l.mu.Unlock()
		done(err)
	})
}

func (c *column) end(m batch.Marker) {
	if txn := c.open[m.ProducerID]; txn != nil && m.Commit {
		for _, v := range txn.values {
			c.committed = append(c.committed, v.value)
		}
	}
	delete(c.open, m.ProducerID)
}

// stormClient is a producer that does not give up.
type stormClient struct {
	storm   *storm
	id      string
	version transaction.Version
	rng     *rand.Rand
	p       transaction.Producer
	written []writtenValue
	told    map[string]bool // by value: was it committed
}

type writtenValue struct {
	value string
	to    []transaction.Partition
}

func (c *stormClient) run() {
	c.begin()
	for n := range 20 {
		w := writtenValue{value: fmt.Sprint(c.id, "-", n)}
		for i := range int32(4) {
			if c.rng.IntN(2) == 0 {
				w.to = append(w.to, transaction.Partition{Topic: "t", Number: i})
			}
		}
		if len(w.to) > 0 {
			c.transact(w)
		}
	}
}

// transact writes a value in a transaction of its own.
func (c *stormClient) transact(w writtenValue) {
	c.written = append(c.written, w)
	if c.again(func() *kerr.Error { return c.write(w) }) != nil {
		c.begin()
		return
	}
	if c.rng.IntN(10) == 0 {
		time.Sleep(70 * time.Second) // too long
	}
	commit := c.rng.IntN(3) > 0
	switch err := c.again(func() *kerr.Error { return c.end(commit) }); err {
	case nil:
		c.told[w.value] = commit
	case kerr.InvalidTxnState: // it was aborted, which a lost answer does not explain
		c.told[w.value] = false
		c.begin()
	default:
		c.begin()
	}
}

// again asks until the answer is one to go by.
func (c *stormClient) again(ask func() *kerr.Error) *kerr.Error {
	for {
		switch err := ask(); err {
		case kerr.CoordinatorNotAvailable, kerr.CoordinatorLoadInProgress, kerr.ConcurrentTransactions:
			time.Sleep(time.Duration(1+c.rng.IntN(50)) * time.Millisecond)
		default:
			return err
		}
	}
}

func (c *stormClient) begin() {
	err := c.again(func() *kerr.Error {
		r := c.storm.current.Load().InitProducerID(context.Background(), c.storm.initRequest(c.id, transaction.None))
		c.p = transaction.Producer{ID: r.ProducerID, Epoch: r.ProducerEpoch}
		return errorOf(r.ErrorCode)
	})
	if err != nil {
		c.storm.t.Errorf("%s cannot begin: %v", c.id, err)
	}
}

func errorOf(code int16) *kerr.Error {
	var err *kerr.Error
	errors.As(kerr.ErrorForCode(code), &err)
	return err
}

// write adds the partitions to the transaction and appends the value, unless it has
// been appended. It returns when both are durable, or with why one is not.
func (c *stormClient) write(w writtenValue) *kerr.Error {
	coordinator := c.storm.current.Load()
	done := make(chan *kerr.Error, len(w.to)+1)
	append := func() {
		for _, p := range w.to {
			c.storm.log.append(p, c.p, w.value, func() *kerr.Error { return coordinator.Verify(c.id, c.p, p) },
				func(err *kerr.Error) { done <- err })
		}
	}
	stored := func(err *kerr.Error) { done <- err }
	joined := func(err *kerr.Error) {
		if err == nil {
			append()
			return
		}
		for range cap(done) {
			done <- err
		}
	}
	if c.version == transaction.V2 {
		coordinator.Join(Joining{ID: c.id, Producer: c.p, Partitions: w.to, Joined: joined, Stored: stored})
	} else {
		coordinator.add(c.id, c.p, w.to, func(err *kerr.Error) {
			if joined(err); err == nil {
				stored(nil)
			}
		})
	}
	var first *kerr.Error
	for range cap(done) {
		if err := <-done; first == nil {
			first = err
		}
	}
	return first
}

func (c *stormClient) end(commit bool) *kerr.Error {
	req := endRequest(c.id, c.p, commit)
	if c.version == transaction.V0 {
		req.Version = 4
	}
	answer := make(chan *kmsg.EndTxnResponse, 1)
	c.storm.current.Load().EndTxn(req, func(r *kmsg.EndTxnResponse) { answer <- r })
	r := <-answer
	if r.ErrorCode == 0 && c.version == transaction.V2 {
		c.p = transaction.Producer{ID: r.ProducerID, Epoch: r.ProducerEpoch}
	}
	return errorOf(r.ErrorCode)
}

// check looks for what the client has written.
func (c *stormClient) check() {
	l := c.storm.log
	l.mu.Lock()
	defer l.mu.Unlock()
	for p, column := range l.partitions {
		for id, open := range column.open {
			c.storm.t.Errorf("producer %d has %d values open in %v, in epoch %d", id, len(open.values), p, open.epoch)
		}
	}
	for _, w := range c.written {
		in := 0
		for _, p := range w.to {
			if n := count(l.at(p).committed, w.value); n > 0 {
				in++
				if n > 1 {
					c.storm.t.Errorf("%s is %d times in %v", w.value, n, p)
				}
			}
		}
		if in != 0 && in != len(w.to) {
			c.storm.t.Errorf("%s is in %d of %d partitions", w.value, in, len(w.to))
		}
		if commit, told := c.told[w.value]; told && commit != (in > 0) {
			c.storm.t.Errorf("%s was answered with commit %v, and is in %d partitions", w.value, commit, in)
		}
	}
}

func count(all []string, value string) (n int) {
	for _, v := range all {
		if v == value {
			n++
		}
	}
	return n
}
