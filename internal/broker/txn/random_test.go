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
	s := &storm{rng: rand.New(rand.NewPCG(seed, 0)), log: &ledger{partitions: map[transaction.Partition]*column{}}}
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
		s.log.crash()
		s.restart()
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
	mu         sync.Mutex
	partitions map[transaction.Partition]*column
	delay      time.Duration
	err        error
	crashes    int // what was on its way before is lost
}

// column is one partition.
type column struct {
	open      map[int64][]string // by producer id
	committed []string
}

func (l *ledger) set(delay time.Duration, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.delay, l.err = delay, err
}

func (l *ledger) crash() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.crashes++
}

// at returns a partition. The lock is held.
func (l *ledger) at(p transaction.Partition) *column {
	if l.partitions[p] == nil {
		l.partitions[p] = &column{open: map[int64][]string{}}
	}
	return l.partitions[p]
}

func (l *ledger) Check(transaction.Partition) *kerr.Error { return nil }

// append keeps a value if it is admitted, which is asked with the lock held.
func (l *ledger) append(p transaction.Partition, producerID int64, value string, admit func() *kerr.Error) *kerr.Error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := admit(); err != nil {
		return err
	}
	c := l.at(p)
	c.open[producerID] = append(c.open[producerID], value)
	return nil
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
	if m.Commit {
		c.committed = append(c.committed, c.open[m.ProducerID]...)
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
// been appended.
func (c *stormClient) write(w writtenValue) *kerr.Error {
	coordinator := c.storm.current.Load()
	done := make(chan *kerr.Error, 1)
	then := func(err *kerr.Error) {
		for _, p := range w.to {
			if err == nil {
				err = c.storm.log.append(p, c.p.ID, w.value, func() *kerr.Error { return coordinator.Verify(c.id, c.p, p) })
			}
		}
		if err == kerr.ConcurrentTransactions || err == kerr.CoordinatorNotAvailable && len(done) > 0 {
			err = kerr.ProducerFenced // some of it may be there
		}
		done <- err
	}
	if c.version == transaction.V2 {
		coordinator.Join(c.id, c.p, w.to, then)
		return <-done
	}
	added := make(chan *kerr.Error, 1)
	coordinator.add(c.id, c.p, w.to, func(err *kerr.Error) { added <- err })
	if err := <-added; err != nil {
		return err
	}
	then(nil)
	return <-done
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
		if open := column.open[c.p.ID]; len(open) > 0 {
			c.storm.t.Errorf("%v are open in %v", open, p)
		}
	}
	for _, w := range c.written {
		in := 0
		for _, p := range w.to {
			if slices.Contains(l.at(p).committed, w.value) {
				in++
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
