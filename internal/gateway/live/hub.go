package live

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Errors of reading.
var (
	// ErrNoTopic says that there is no such topic, or not any more.
	ErrNoTopic = errors.New("there is no such topic")
	// ErrUnavailable says that the cluster does not answer.
	ErrUnavailable = errors.New("the topic cannot be read")
)

// Config configures a hub.
type Config struct {
	// Client makes clients of the cluster.
	Client func(...kgo.Opt) (*kgo.Client, error)
}

// A Hub has the topics that are read. Its methods may be called by any goroutine.
type Hub struct {
	cfg    Config
	client *kgo.Client // to ask with
	places *places
	tails  sync.WaitGroup
	ctx    context.Context
	cancel context.CancelFunc

	mu struct {
		sync.Mutex
		tails map[string]*tail
	}
}

// New makes a hub, which is to be closed.
func New(cfg Config) (*Hub, error) {
	client, err := cfg.Client()
	if err != nil {
		return nil, fmt.Errorf("client for readers: %w", err)
	}
	h := &Hub{cfg: cfg, client: client, places: newPlaces()}
	h.mu.tails = make(map[string]*tail)
	h.ctx, h.cancel = context.WithCancel(context.Background())
	return h, nil
}

// Close ends all reading.
func (h *Hub) Close() {
	h.cancel()
	h.tails.Wait()
	h.client.Close()
}

// From says where reading begins.
type From struct {
	Start    bool      // at the first event
	Time     time.Time // or at the first event of that time or later, if it is not zero
	Position Position  // or there, if it is not nil; partitions that it has not from their start
	Whole    bool      // the position must have all partitions
	Digits   string    // of the topic that the position is of; empty if that is not known
	// Else at the end, but for these.
	Places []Place
	// UntilEnd: no further than the topic is now.
	UntilEnd bool
}

// A Place is an offset in a partition.
type Place struct {
	Partition int32
	Offset    int64
}

// Subscribe begins to read a topic. The subscription is to be closed.
func (h *Hub) Subscribe(ctx context.Context, topic string, from From) (*Subscription, error) {
	t, err := h.join(ctx, topic)
	if err != nil {
		return nil, err
	}
	s := &Subscription{hub: h, tail: t, alone: from.UntilEnd}
	if s.end, err = h.ends(ctx, topic, len(t.end())); err == nil {
		s.at, err = h.resolve(ctx, t, from, s.end)
	}
	if err != nil {
		h.leave(t)
		return nil, err
	}
	return s, nil
}

// join finds the topic's tail, or begins one.
func (h *Hub) join(ctx context.Context, topic string) (*tail, error) {
	h.mu.Lock()
	t := h.mu.tails[topic]
	if t == nil {
		t = newTail(h, topic)
		h.mu.tails[topic] = t
		h.tails.Go(t.run)
	}
	t.readers++
	h.mu.Unlock()
	select {
	case <-t.begun:
	case <-ctx.Done():
		h.leave(t)
		return nil, context.Cause(ctx)
	}
	if err := t.failure(); err != nil {
		h.leave(t)
		return nil, err
	}
	return t, nil
}

// leave ends the tail with its last reader.
func (h *Hub) leave(t *tail) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.readers--; t.readers == 0 {
		t.cancel()
		h.drop(t)
	}
}

// drop forgets a tail, so that the next reader begins another. The caller holds mu.
func (h *Hub) drop(t *tail) {
	if h.mu.tails[t.topic] == t {
		delete(h.mu.tails, t.topic)
	}
}

// ends asks where the topic's partitions end, but for what is not committed.
func (h *Hub) ends(ctx context.Context, topic string, partitions int) (Position, error) {
	listed, err := kadm.NewClient(h.client).ListCommittedOffsets(ctx, topic)
	return position(listed, topic, partitions, err)
}

// resolve finds the position where reading begins.
func (h *Hub) resolve(ctx context.Context, t *tail, from From, end Position) (Position, error) {
	adm := kadm.NewClient(h.client)
	switch {
	case from.Position != nil:
		return from.resume(t, end)
	case from.Start:
		listed, err := adm.ListStartOffsets(ctx, t.topic)
		return position(listed, t.topic, len(end), err)
	case !from.Time.IsZero():
		listed, err := adm.ListOffsetsAfterMilli(ctx, from.Time.UnixMilli(), t.topic)
		return position(listed, t.topic, len(end), err)
	}
	at := end.clone()
	for _, p := range from.Places {
		if p.Partition < 0 || int(p.Partition) >= len(end) {
			return nil, NoPartition(p.Partition, len(end))
		}
		at[p.Partition] = p.Offset
	}
	return at, at.within(end)
}

// resume is the position that a reader has from before.
func (from From) resume(t *tail, end Position) (Position, error) {
	id, _ := t.leader(0)
	at := from.Position.clone()
	switch is := digitsOf(id); {
	case from.Digits != "" && from.Digits != is:
		return nil, fmt.Errorf("%w: %v~%s is of a topic that had this name before %s: begin with from=start", ErrPosition, at, from.Digits, is)
	case len(at) > len(end) || from.Whole && len(at) < len(end):
		return nil, fmt.Errorf("%w: %v has %d partitions, and the topic %d", ErrPosition, at, len(at), len(end))
	}
	return append(at, make(Position, len(end)-len(at))...), at.within(end)
}

// NoPartition says that a topic has no such partition.
func NoPartition(partition int32, partitions int) error {
	return fmt.Errorf("%w: there is no partition %d, but %d of them, from 0", ErrPosition, partition, partitions)
}

// position makes one of what a cluster has listed.
func position(listed kadm.ListedOffsets, topic string, partitions int, err error) (Position, error) {
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %q: %w", ErrUnavailable, topic, err)
	}
	p := make(Position, partitions)
	for i := range p {
		o, ok := listed.Lookup(topic, int32(i))
		if !ok {
			return nil, fmt.Errorf("%w: %q: the cluster says nothing of partition %d", ErrUnavailable, topic, i)
		}
		p[i] = o.Offset
	}
	return p, nil
}
