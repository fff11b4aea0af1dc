package client

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
)

// Attributes of requests and of answers (docs/format/event.md).
const (
	attrReplyTopic     = "replytopic"     // where the answer goes
	attrReplyPartition = "replypartition" // the requester's
	attrReplyInbox     = "replyinbox"     // the requester
	attrInReplyTo      = "inreplyto"      // the id of the request
)

// DefaultPatience is how long a request waits for its answer if its context has no
// deadline.
const DefaultPatience = 30 * time.Second

// A Requester asks by events and waits for the events that answer. Many may share a
// topic for answers, also its partitions. Its methods may be called by any goroutine.
type Requester struct {
	c        *Client
	topic    string // for answers
	part     int32
	inbox    string
	producer *Producer
	cancel   context.CancelFunc
	ended    chan struct{}

	late, dropped atomic.Int64

	mu struct {
		sync.Mutex
		waiting map[string]chan answer // by the request's id
		closed  bool
	}
}

type answer struct {
	event event.Event
	err   error
}

// RequesterStats are what a requester has done.
type RequesterStats struct {
	// Late are answers that came when nobody waited for them any more, or a second time.
	Late int64
	// Unreadable are records in its partition that are no answers.
	Unreadable int64
	// Waiting are requests that are not answered yet.
	Waiting int
}

// Requester makes a requester whose answers come in a topic, which must be there: in one
// of its partitions, chosen by the requester's random name, and from the topic's present
// end on.
func (c *Client) Requester(ctx context.Context, answers string, opts ...ProducerOption) (*Requester, error) {
	inbox, err := c.stamper.NewID()
	if err != nil {
		return nil, err
	}
	e, err := c.endsOf(ctx, answers)
	if err != nil {
		return nil, fmt.Errorf("topic for answers: %w", err)
	}
	r := &Requester{c: c, topic: answers, part: spread(inbox, len(e.stop)), inbox: inbox, producer: c.Producer(opts...), ended: make(chan struct{})}
	r.mu.waiting = make(map[string]chan answer)
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r.cancel = cancel
	go func() {
		defer close(r.ended)
		r.listen(ctx, e.stop[r.part])
	}()
	return r, nil
}

// spread picks one of n partitions by the last digits of a name, which are random.
func spread(name string, n int) int32 {
	random, _ := strconv.ParseUint(name[len(name)-8:], 16, 64)
	return int32(random % uint64(n))
}

// Close ends waiting: requests that are not answered yet fail with [ErrClosed].
func (r *Requester) Close() {
	r.cancel()
	<-r.ended
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.closed = true
	for id, ch := range r.mu.waiting {
		delete(r.mu.waiting, id)
		ch <- answer{err: ErrClosed}
	}
}

// Stats tells what became of answers.
func (r *Requester) Stats() RequesterStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return RequesterStats{Late: r.late.Load(), Unreadable: r.dropped.Load(), Waiting: len(r.mu.waiting)}
}

// Request writes an event to a topic and waits for the answer, until ctx ends or, if it
// has no deadline, for [DefaultPatience]. The event gets what [Producer.Produce] gives
// it, and where the answer goes. The error is a [*RequestError]: with [ErrNoAnswer] the
// request may have been handled all the same, so that what it asks for should be safe to
// be asked again, by the same event; with a [*Refusal] it was, and that is the answer.
func (r *Requester) Request(ctx context.Context, topic string, e *event.Event) (event.Event, error) {
	began := time.Now()
	at, got, err := r.request(ctx, topic, e)
	if err != nil {
		return event.Event{}, &RequestError{Position: at, ID: e.ID, After: time.Since(began), Err: err}
	}
	return got, nil
}

func (r *Requester) request(ctx context.Context, topic string, e *event.Event) (Position, event.Event, error) {
	if _, limited := ctx.Deadline(); !limited {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultPatience)
		defer cancel()
	}
	nowhere := Position{topic, -1, -1}
	if err := r.c.stamper.Stamp(e); err != nil {
		return nowhere, event.Event{}, err
	}
	e.SetExtension(attrReplyTopic, event.String(r.topic))
	e.SetExtension(attrReplyPartition, event.Integer(r.part))
	e.SetExtension(attrReplyInbox, event.String(r.inbox))
	if _, said := e.Extension(event.CorrelationID); !said {
		if _, caused := Cause(ctx); !caused {
			e.SetExtension(event.CorrelationID, event.String(e.ID))
		}
	}
	ch, err := r.expect(e.ID)
	if err != nil {
		return nowhere, event.Event{}, err
	}
	defer r.forget(e.ID, ch)
	at, err := r.producer.Produce(ctx, topic, e)
	if err != nil {
		return at[0], event.Event{}, err
	}
	select {
	case a := <-ch:
		return at[0], a.event, a.err
	case <-ctx.Done():
		return at[0], event.Event{}, fmt.Errorf("%w in topic %s, partition %d: %w", ErrNoAnswer, r.topic, r.part, ctx.Err())
	}
}

// expect makes room for an answer.
func (r *Requester) expect(id string) (chan answer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.closed {
		return nil, ErrClosed
	}
	if r.mu.waiting[id] != nil {
		return nil, errors.New("a request with this id waits for its answer already")
	}
	ch := make(chan answer, 1)
	r.mu.waiting[id] = ch
	return ch, nil
}

func (r *Requester) forget(id string, ch chan answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.waiting[id] == ch {
		delete(r.mu.waiting, id)
	}
}

// listen reads answers until ctx ends, from an offset on, and from the start of what
// comes in its place if the topic is made again.
func (r *Requester) listen(ctx context.Context, from int64) {
	at := kgo.NewOffset().At(from)
	for ctx.Err() == nil {
		err := r.read(ctx, at)
		if ctx.Err() == nil {
			r.c.cfg.logger.WarnContext(ctx, "answers are read again", "reason", err)
			sleep(ctx, commitEvery)
		}
		at = kgo.NewOffset().AtStart()
	}
}

// read reads answers until the topic is another.
func (r *Requester) read(ctx context.Context, at kgo.Offset) error {
	kafka, err := r.c.client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{r.topic: {r.part: at}}),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
	)
	if err != nil {
		return err
	}
	defer kafka.Close()
	for {
		fetches := kafka.PollFetches(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		fetches.EachRecord(r.take)
		for _, f := range fetches.Errors() {
			err := &ReadError{f.Topic, f.Partition, f.Err}
			if errors.Is(f.Err, kerr.UnknownTopicID) || errors.Is(f.Err, kgo.ErrClientClosed) {
				return err
			}
			r.c.cfg.logger.WarnContext(ctx, "reading answers", "reason", err)
			sleep(ctx, commitEvery)
		}
	}
}

// take gives an answer to who waits for it.
func (r *Requester) take(record *kgo.Record) {
	er := eventRecord(record)
	e, err := event.FromRecord(&er)
	if err != nil {
		r.dropped.Add(1)
		return
	}
	if inbox, _ := e.Extension(attrReplyInbox); inbox.String() != r.inbox {
		return // another requester's
	}
	to, _ := e.Extension(attrInReplyTo)
	r.mu.Lock()
	ch := r.mu.waiting[to.String()]
	delete(r.mu.waiting, to.String())
	r.mu.Unlock()
	if ch == nil {
		r.late.Add(1)
		return
	}
	ch <- answer{e, refusalOf(&e)}
}
