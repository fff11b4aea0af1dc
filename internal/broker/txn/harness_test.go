package txn

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
	"github.com/evidentlog/evident/internal/broker/txn/transaction"
	"github.com/evidentlog/evident/internal/log/batch"
)

var errDisk = errors.New("disk on fire")

// memLog is a Log in memory: the markers that are durable, in their order.
type memLog struct {
	mu      sync.Mutex
	delay   time.Duration
	errs    map[transaction.Partition]error
	markers []string
	missing map[transaction.Partition]bool
	open    []transaction.Open
}

func newMemLog() *memLog {
	return &memLog{errs: map[transaction.Partition]error{}, missing: map[transaction.Partition]bool{}}
}

func (l *memLog) set(f func(l *memLog)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l)
}

func (l *memLog) Open() []transaction.Open {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.open)
}

func (l *memLog) Check(p transaction.Partition) *kerr.Error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.missing[p] {
		return kerr.UnknownTopicOrPartition
	}
	return nil
}

func (l *memLog) AppendMarker(p transaction.Partition, m batch.Marker, done func(error)) {
	l.mu.Lock()
	err, delay := l.errs[p], l.delay
	l.mu.Unlock()
	finish := func() {
		if err == nil {
			word := "abort"
			if m.Commit {
				word = "commit"
			}
			l.set(func(l *memLog) {
				l.markers = append(l.markers, fmt.Sprintf("%s %s-%d of %d/%d", word, p.Topic, p.Number, m.ProducerID, m.ProducerEpoch))
			})
		}
		done(err)
	}
	if delay == 0 {
		finish()
		return
	}
	time.AfterFunc(delay, finish)
}

func (l *memLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.markers
	l.markers = nil
	slices.Sort(all)
	return all
}

// harness is a coordinator that runs.
type harness struct {
	*Coordinator
	t     testing.TB
	store *statetopictest.Store
	log   *memLog
	cfg   Config
	stop  func()

	ids struct {
		sync.Mutex
		last int64
		err  error // there are none
	}
}

// inBubble runs f with a coordinator, in a bubble whose clock it can turn.
func inBubble(t *testing.T, f func(h *harness)) {
	synctest.Test(t, func(t *testing.T) {
		h := newHarness(t)
		defer func() { h.stop() }()
		f(h)
	})
}

func newHarness(t testing.TB) *harness {
	h := &harness{t: t, store: statetopictest.New(0), log: newMemLog()}
	h.ids.last = 100
	h.cfg = Config{Store: h.store, Log: h.log, ProducerID: h.producerID}
	h.start()
	return h
}

func (h *harness) producerID() (int64, error) {
	h.ids.Lock()
	defer h.ids.Unlock()
	if h.ids.err != nil {
		return 0, h.ids.err
	}
	h.ids.last++
	return h.ids.last, nil
}

// noIDs lets producer ids run out, or be there again.
func (h *harness) noIDs(err error) {
	h.ids.Lock()
	defer h.ids.Unlock()
	h.ids.err = err
}

func (h *harness) start() {
	var work sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	h.cfg.Go = func(f func()) bool {
		if ctx.Err() != nil {
			return false
		}
		work.Go(f)
		return true
	}
	h.Coordinator = New(h.cfg)
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			h.t.Errorf("Run: %v", err)
		}
		work.Wait()
	})
	synctest.Wait()
}

// restart stops the coordinator and starts another on what is durable.
func (h *harness) restart() {
	h.stop()
	h.store.Crash()
	h.start()
	synctest.Wait()
}

func ptr(s string) *string { return &s }

func (h *harness) initRequest(id string, p transaction.Producer) *kmsg.InitProducerIDRequest {
	req := kmsg.NewPtrInitProducerIDRequest()
	req.Version, req.TransactionalID, req.TransactionTimeoutMillis = 5, ptr(id), 60_000
	req.ProducerID, req.ProducerEpoch = p.ID, p.Epoch
	return req
}

// init returns the producer that id gets.
func (h *harness) init(id string) transaction.Producer {
	h.t.Helper()
	r := h.InitProducerID(context.Background(), h.initRequest(id, transaction.None))
	h.wantCode("InitProducerId", r.ErrorCode, nil)
	return transaction.Producer{ID: r.ProducerID, Epoch: r.ProducerEpoch}
}

// beginJoin returns a channel with the outcome of Join: what the client is told.
func (h *harness) beginJoin(id string, p transaction.Producer, ps ...transaction.Partition) <-chan *kerr.Error {
	_, done := h.beginEarly(id, p, ps...)
	return done
}

// beginEarly is beginJoin with another channel, for whether records may be written.
func (h *harness) beginEarly(id string, p transaction.Producer, ps ...transaction.Partition) (joined, done chan *kerr.Error) {
	joined, done = make(chan *kerr.Error, 1), make(chan *kerr.Error, 1)
	h.Join(Joining{ID: id, Producer: p, Partitions: ps, Stored: func(err *kerr.Error) { done <- err },
		Joined: func(err *kerr.Error) {
			if joined <- err; err != nil {
				done <- err
			}
		},
	})
	return joined, done
}

func (h *harness) join(id string, p transaction.Producer, ps ...transaction.Partition) {
	h.t.Helper()
	if err := <-h.beginJoin(id, p, ps...); err != nil {
		h.t.Fatalf("join: %v", err)
	}
}

func endRequest(id string, p transaction.Producer, commit bool) *kmsg.EndTxnRequest {
	req := kmsg.NewPtrEndTxnRequest()
	req.Version, req.TransactionalID, req.Commit = 5, id, commit
	req.ProducerID, req.ProducerEpoch = p.ID, p.Epoch
	return req
}

// begin sends a request; the reply can be received later. Replies that come
// twice block and fail the bubble.
func begin[Req, Resp any](f func(Req, func(Resp)), req Req) <-chan Resp {
	reply := make(chan Resp, 1)
	f(req, func(r Resp) { reply <- r })
	return reply
}

// end ends a transaction and returns who the producer is from then on.
func (h *harness) end(id string, p transaction.Producer, commit bool) transaction.Producer {
	h.t.Helper()
	r := <-begin(h.EndTxn, endRequest(id, p, commit))
	h.wantCode("EndTxn", r.ErrorCode, nil)
	return transaction.Producer{ID: r.ProducerID, Epoch: r.ProducerEpoch}
}

// answered reports whether the reply has come, once all goroutines are idle.
func answered[Resp any](reply <-chan Resp) bool {
	synctest.Wait()
	return len(reply) > 0
}

func (h *harness) wantCode(what string, code int16, want *kerr.Error) {
	h.t.Helper()
	if code != codeOf(want) {
		h.t.Fatalf("%s: %v, want %v", what, kerr.ErrorForCode(code), want)
	}
}

func (h *harness) wantMarkers(want ...string) {
	h.t.Helper()
	synctest.Wait()
	if got := h.log.take(); !slices.Equal(got, want) {
		h.t.Fatalf("markers %q, want %q", got, want)
	}
}

// wantState checks what DescribeTransactions says.
func (h *harness) wantState(id string, want transaction.State, partitions ...transaction.Partition) {
	h.t.Helper()
	synctest.Wait()
	req := kmsg.NewPtrDescribeTransactionsRequest()
	req.TransactionalIDs = []string{id}
	s := h.DescribeTransactions(req).TransactionStates[0]
	h.wantCode("DescribeTransactions", s.ErrorCode, nil)
	var got []transaction.Partition
	for _, t := range s.Topics {
		for _, n := range t.Partitions {
			got = append(got, transaction.Partition{Topic: t.Topic, Number: n})
		}
	}
	if s.State != want.String() || !slices.Equal(got, partitions) {
		h.t.Fatalf("%s is %s with %v, want %v with %v", id, s.State, got, want, partitions)
	}
}

// pass lets time pass.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

var (
	a0 = transaction.Partition{Topic: "a", Number: 0}
	a1 = transaction.Partition{Topic: "a", Number: 1}
	b0 = transaction.Partition{Topic: "b", Number: 0}
)
