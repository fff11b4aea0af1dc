package client

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A tail reads all partitions of a topic from the start on, committed records only, and
// knows how far it is. When the topic is made again, or cut back, it begins anew.
type tail struct {
	c       *Client
	topic   string
	refresh time.Duration
	// begin is called before the first record of each beginning, apply with records in
	// the order of each partition, and whole when what was there at the beginning has
	// been applied. All are called by one goroutine at a time.
	begin func()
	apply func([]*kgo.Record) error
	whole func()

	mu struct {
		sync.Mutex
		id     kadm.TopicID
		next   map[int32]int64 // offsets to come
		looked ends            // the newest look, to tell how far it is behind
		aim    ends            // the oldest look that was not reached; zero time: none
		asOf   time.Time       // when there was nothing that has not been applied
		err    error           // why it does not move
		fresh  bool            // not everything from the beginning was applied
		moved  chan struct{}   // closed when any of it changes
	}
}

// ends are the ends of a topic's partitions.
type ends struct {
	at          time.Time // before it was asked
	id          kadm.TopicID
	start, stop map[int32]int64
}

// run reads until ctx ends, or apply fails.
func (t *tail) run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := t.session(ctx)
		if ctx.Err() != nil {
			break
		}
		t.note(err)
		if !errors.As(err, new(*brokenError)) {
			return err
		}
		t.c.cfg.logger.WarnContext(ctx, "a table's topic is read again", "reason", err)
		sleep(ctx, againAfter)
	}
	return nil
}

func (t *tail) id() kadm.TopicID {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.id
}

// note keeps why the tail does not move; nil if it does.
func (t *tail) note(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.err = err
	t.wake()
}

// wake wakes those who wait. The caller holds mu.
func (t *tail) wake() {
	if t.mu.moved != nil {
		close(t.mu.moved)
	}
	t.mu.moved = make(chan struct{})
}

// session reads the topic from the start until something breaks.
func (t *tail) session(ctx context.Context) error {
	e, err := t.c.endsOf(ctx, t.topic)
	if err != nil {
		return &brokenError{err}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	kafka, err := t.c.client(
		kgo.ConsumeTopics(t.topic), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.KeepControlRecords(), kgo.FetchMaxBytes(8<<20),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.ConsumeResetOffset(kgo.NoResetOffset()),
	)
	if err != nil {
		return err
	}
	defer kafka.Close()
	t.reset(e)
	var watching sync.WaitGroup
	defer watching.Wait()
	defer cancel(nil)
	watching.Go(func() { cancel(t.watch(ctx)) })
	for {
		fetches := kafka.PollFetches(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for _, f := range fetches.Errors() {
			if err := t.fault(ctx, f); err != nil {
				return err
			}
		}
		if err := t.take(fetches); err != nil {
			return err
		}
	}
}

// fault tells whether an error of a poll ends the session.
func (t *tail) fault(ctx context.Context, f kgo.FetchError) error {
	err := &ReadError{f.Topic, f.Partition, f.Err}
	for _, broken := range []error{kerr.UnknownTopicID, kerr.UnknownTopicOrPartition, kerr.OffsetOutOfRange, kgo.ErrClientClosed} {
		if errors.Is(f.Err, broken) {
			return &brokenError{err}
		}
	}
	if errors.As(f.Err, new(*kgo.ErrDataLoss)) {
		return &brokenError{err}
	}
	t.note(err)
	sleep(ctx, commitEvery)
	return nil
}

// reset begins anew.
func (t *tail) reset(e ends) {
	t.begin()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.id, t.mu.next, t.mu.fresh, t.mu.aim = e.id, maps.Clone(e.start), true, ends{}
	t.mu.err = nil
	t.look(e)
}

// take applies what was polled.
func (t *tail) take(fetches kgo.Fetches) error {
	next := make(map[int32]int64)
	var err error
	fetches.EachPartition(func(f kgo.FetchTopicPartition) {
		if len(f.Records) == 0 || err != nil {
			return
		}
		if err = t.apply(f.Records); err == nil {
			next[f.Partition] = f.Records[len(f.Records)-1].Offset + 1
		}
	})
	if err != nil || len(next) == 0 {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.Copy(t.mu.next, next)
	t.mu.err = nil
	t.advance()
	return nil
}

// watch looks now and then where the ends are; it returns why the topic has to be read
// anew.
func (t *tail) watch(ctx context.Context) error {
	for ctx.Err() == nil {
		sleep(ctx, t.refresh)
		e, err := t.c.endsOf(ctx, t.topic)
		if err != nil {
			if ctx.Err() == nil {
				t.note(err)
			}
			continue
		}
		t.mu.Lock()
		same := e.id == t.mu.id
		if same {
			t.mu.err = nil
			t.look(e)
		}
		t.mu.Unlock()
		if !same {
			return &brokenError{&ReadError{t.topic, -1, kerr.UnknownTopicID}}
		}
	}
	return nil
}

// look takes a look at the ends. The caller holds mu.
func (t *tail) look(e ends) {
	for n, start := range e.start { // there is nothing before the start
		t.mu.next[n] = max(t.mu.next[n], start)
	}
	t.mu.looked = e
	if t.mu.aim.at.IsZero() {
		t.mu.aim = e
	}
	t.advance()
}

// advance notes what was reached. The caller holds mu.
func (t *tail) advance() {
	defer t.wake()
	for _, e := range []ends{t.mu.aim, t.mu.looked} {
		if !e.at.IsZero() && behind(e, t.mu.next) == 0 {
			t.mu.asOf, t.mu.aim = e.at, ends{}
		}
	}
	if t.mu.aim.at.IsZero() && t.mu.fresh {
		t.mu.fresh = false
		t.whole()
	}
	if t.mu.aim.at.IsZero() && behind(t.mu.looked, t.mu.next) > 0 {
		t.mu.aim = t.mu.looked
	}
}

// behind is how many offsets lie before the ends and have not been read.
func behind(e ends, next map[int32]int64) int64 {
	var n int64
	for partition, stop := range e.stop {
		n += max(stop-next[partition], 0)
	}
	return n
}

// await waits until everything before the ends was applied, also in a later beginning
// if this one's topic is gone.
func (t *tail) await(ctx context.Context, reached func(id kadm.TopicID, next map[int32]int64) bool) error {
	for {
		t.mu.Lock()
		if !t.mu.fresh && t.mu.next != nil && reached(t.mu.id, t.mu.next) {
			t.mu.Unlock()
			return nil
		}
		err := t.mu.err
		if err != nil && !errors.As(err, new(*brokenError)) && !errors.As(err, new(*ReadError)) {
			t.mu.Unlock()
			return err
		}
		if t.mu.moved == nil {
			t.mu.moved = make(chan struct{})
		}
		moved := t.mu.moved
		t.mu.Unlock()
		select {
		case <-moved:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// endsOf asks where a topic begins and ends, for readers of committed records.
func (c *Client) endsOf(ctx context.Context, topic string) (ends, error) {
	e := ends{at: c.cfg.now(), start: make(map[int32]int64), stop: make(map[int32]int64)}
	wrong := func(partition int32, err error) (ends, error) { return ends{}, &ReadError{topic, partition, err} }
	topics, err := c.admin.ListTopics(ctx, topic)
	if err == nil {
		err = topics.Error()
	}
	if err != nil {
		return wrong(-1, err)
	}
	e.id = topics[topic].ID
	starts, err := c.admin.ListStartOffsets(ctx, topic)
	if err != nil {
		return wrong(-1, err)
	}
	stops, err := c.admin.ListCommittedOffsets(ctx, topic)
	if err != nil {
		return wrong(-1, err)
	}
	for n := range topics[topic].Partitions {
		start, _ := starts.Lookup(topic, n)
		stop, _ := stops.Lookup(topic, n)
		if err := errors.Join(start.Err, stop.Err); err != nil {
			return wrong(n, err)
		}
		e.start[n], e.stop[n] = start.Offset, stop.Offset
	}
	if len(e.stop) == 0 {
		return wrong(-1, fmt.Errorf("%w: it has no partitions", kerr.UnknownTopicOrPartition))
	}
	return e, nil
}
