package live

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// keptBytes is how much of the end of a topic is kept for those who are a little
	// behind.
	keptBytes = 4 << 20
	// lookEvery is how often the tail looks whether the topic is still the same.
	lookEvery = 5 * time.Second
	// polled is how many records are taken at a time.
	polled = 1000
)

// errChanged says that a topic has other partitions than when it was begun.
var errChanged = errors.New("the topic has more partitions than before: read on from the last position")

// A tail reads the end of a topic for all who are there.
type tail struct {
	hub     *Hub
	topic   string
	ctx     context.Context
	cancel  context.CancelFunc
	readers int           // guarded by the hub's mutex
	begun   chan struct{} // closed when the end is known, or it has failed

	mu struct {
		sync.Mutex
		frames []*Frame
		first  uint64 // number of the first of them
		bytes  int
		start  Position // before the first of them
		next   Position // behind the last
		topic  kadm.TopicDetail
		wake   chan struct{}
		err    error // why it has ended
	}
}

func newTail(h *Hub, topic string) *tail {
	t := &tail{hub: h, topic: topic, begun: make(chan struct{})}
	t.ctx, t.cancel = context.WithCancel(h.ctx)
	t.mu.wake = make(chan struct{})
	return t
}

// run reads until nobody is there, or something breaks.
func (t *tail) run() {
	err := t.begin()
	if err == nil {
		err = t.follow()
	}
	t.hub.mu.Lock()
	t.hub.drop(t)
	t.hub.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.err = err
	close(t.mu.wake)
	select {
	case <-t.begun:
	default:
		close(t.begun)
	}
}

// begin finds the end.
func (t *tail) begin() error {
	ctx, cancel := context.WithTimeout(t.ctx, answerWithin)
	defer cancel()
	topic, err := t.look(ctx)
	if err != nil {
		return err
	}
	end, err := t.hub.ends(ctx, t.topic, len(topic.Partitions))
	if err != nil {
		return err
	}
	t.mu.Lock()
	t.mu.start, t.mu.next, t.mu.topic = end, end.clone(), topic
	t.mu.Unlock()
	close(t.begun)
	return nil
}

// look asks what the topic is.
func (t *tail) look(ctx context.Context) (kadm.TopicDetail, error) {
	all, err := kadm.NewClient(t.hub.client).ListTopicsWithInternal(ctx, t.topic)
	if err != nil {
		return kadm.TopicDetail{}, fmt.Errorf("%w: %q: %w", ErrUnavailable, t.topic, err)
	}
	d, ok := all[t.topic]
	switch {
	case !ok, errors.Is(d.Err, kerr.UnknownTopicOrPartition), errors.Is(d.Err, kerr.InvalidTopicException), ok && d.Err == nil && len(d.Partitions) == 0:
		return d, fmt.Errorf("%w: %q", ErrNoTopic, t.topic)
	case d.Err != nil:
		return d, fmt.Errorf("%w: %q: %w", ErrUnavailable, t.topic, d.Err)
	}
	return d, nil
}

// know notes who leads the topic's partitions now.
func (t *tail) know(now kadm.TopicDetail) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if now.ID == t.mu.topic.ID { // of another one follow tells the readers
		t.mu.topic = now
	}
}

// leader is who leads a partition, and the topic's id.
func (t *tail) leader(partition int) (kadm.TopicID, int32) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if p, ok := t.mu.topic.Partitions[int32(partition)]; ok {
		return t.mu.topic.ID, p.Leader
	}
	return t.mu.topic.ID, -1
}

// follow reads from the end on.
func (t *tail) follow() error {
	client, err := t.hub.consumer(t.topic, t.end())
	if err != nil {
		return err
	}
	defer client.Close()
	looked := time.Now()
	for {
		ctx, cancel := context.WithTimeout(t.ctx, lookEvery)
		fetches := client.PollRecords(ctx, polled)
		cancel()
		if t.ctx.Err() != nil {
			return fmt.Errorf("%w: %q: the node is stopping", ErrUnavailable, t.topic)
		}
		if err := t.take(fetches); err != nil {
			return err
		}
		if time.Since(looked) < lookEvery {
			continue
		}
		if err := t.lookAgain(); err != nil {
			return err
		}
		looked = time.Now()
	}
}

// lookAgain tells what has changed about the topic that its readers must know.
func (t *tail) lookAgain() error {
	now, err := t.look(t.ctx)
	id, _ := t.leader(0)
	switch {
	case errors.Is(err, ErrNoTopic), err == nil && now.ID != id:
		return fmt.Errorf("%w: %q was deleted", ErrNoTopic, t.topic)
	case err == nil && len(now.Partitions) != len(t.end()):
		return errChanged
	case err == nil:
		t.know(now)
	}
	return nil
}

// consumer makes a client that reads committed records from a position on.
func (h *Hub) consumer(topic string, at Position) (*kgo.Client, error) {
	offsets := make(map[int32]kgo.Offset, len(at))
	for p, offset := range at {
		offsets[int32(p)] = kgo.NewOffset().At(offset)
	}
	return h.cfg.Client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: offsets}), kgo.KeepControlRecords(),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxBytes(4<<20), kgo.FetchMaxPartitionBytes(1<<20), kgo.MaxConcurrentFetches(1),
	)
}

// take keeps what was polled, and wakes the readers.
func (t *tail) take(fetches kgo.Fetches) error {
	for _, e := range fetches.Errors() {
		if !errors.Is(e.Err, context.DeadlineExceeded) {
			return fmt.Errorf("%w: %q: %w", ErrUnavailable, t.topic, e.Err)
		}
	}
	all, err := frames(fetches.Records())
	if err != nil {
		return err
	}
	next := t.end()
	fetches.EachRecord(func(r *kgo.Record) { next[r.Partition] = r.Offset + 1 })
	t.add(all, next)
	return nil
}

func (t *tail) add(frames []*Frame, next Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mu.next = next
	if len(frames) == 0 {
		return
	}
	for _, f := range frames {
		t.mu.bytes += len(f.Line)
	}
	t.mu.frames = append(t.mu.frames, frames...)
	gone := 0
	for ; t.mu.bytes > keptBytes && gone < len(t.mu.frames)-len(frames); gone++ {
		f := t.mu.frames[gone]
		t.mu.bytes -= len(f.Line)
		t.mu.start[f.Partition] = f.Offset + 1
	}
	if gone > 0 {
		t.mu.frames = append([]*Frame(nil), t.mu.frames[gone:]...)
		t.mu.first += uint64(gone)
	}
	close(t.mu.wake)
	t.mu.wake = make(chan struct{})
}

// end is the position behind the last frame.
func (t *tail) end() Position {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.next.clone()
}

func (t *tail) failure() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.mu.err
}
