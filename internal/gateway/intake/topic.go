package intake

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	// freshFor is how long what is known of a topic is taken for true: it may be deleted
	// and made again meanwhile, and its new self has seen nothing.
	freshFor = time.Second
	// sizeFreshFor is the same of the size that its messages may have.
	sizeFreshFor = 30 * time.Second
	// Bounds of franz-go's for the size of record batches, in bytes.
	smallestBatch = 512
	largestBatch  = 1 << 30
	// maxTopics is how many topics are remembered.
	maxTopics = 10_000
)

// A topic is what is known of one. The state that all see is replaced as a whole by who
// has the turn.
type topic struct {
	name  string
	turn  chan struct{} // holds one value while somebody looks at the cluster
	state atomic.Pointer[state]
	// failures is how often it was left open whether something was written.
	failures atomic.Int64
	// gone says that the client holds on to a topic that was deleted; touched that it may
	// have written to the one that is there.
	gone, touched atomic.Bool
	// sending is held by flights while they hand their records to the client, and has the
	// id of the topic to which that writes, if it was told of one.
	sending struct {
		sync.RWMutex
		told bool
		id   [16]byte
	}
}

// A state is what a topic was when it was looked at.
type state struct {
	id       [16]byte
	parts    []*part
	maxBytes int // of a record batch
	failures int64
	until    time.Time
	sized    time.Time
}

// fresh is what is known of the topic if it may be used: all in the log within the window
// is in the index.
func (t *topic) fresh() *state {
	if s := t.state.Load(); s != nil && time.Now().Before(s.until) && s.failures == t.failures.Load() {
		return s
	}
	return nil
}

// Ready finds a topic and reads what is not known of it, for whoever is going to write
// there. The error is that which Submit would give.
func (in *Intake) Ready(ctx context.Context, name string) error {
	_, _, err := in.open(ctx, name)
	return err
}

// open finds a topic, and reads what the index does not know of it.
func (in *Intake) open(ctx context.Context, name string) (*topic, *state, error) {
	if strings.HasPrefix(name, "__") {
		return nil, nil, fmt.Errorf("%w: %q", ErrReserved, name)
	}
	t := in.topic(name)
	if s := t.fresh(); s != nil {
		return t, s, nil
	}
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, fmt.Errorf("%w: topic %q is being read: %w", ErrUnavailable, name, context.Cause(ctx))
	}
	defer func() { <-t.turn }()
	if s := t.fresh(); s != nil {
		return t, s, nil // somebody else has looked
	}
	s, err := in.look(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	t.state.Store(s)
	return t, s, nil
}

func (in *Intake) topic(name string) *topic {
	in.mu.Lock()
	defer in.mu.Unlock()
	t := in.mu.topics[name]
	if t == nil {
		t = &topic{name: name, turn: make(chan struct{}, 1)}
		if len(in.mu.topics) < maxTopics {
			in.mu.topics[name] = t
		}
	}
	return t
}

// forget drops a topic that is not there and was not: the client may hold on to others.
func (in *Intake) forget(t *topic) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.mu.topics[t.name] == t && t.state.Load() == nil {
		delete(in.mu.topics, t.name)
	}
}

// look asks the cluster about a topic, and reads what is not known of it.
func (in *Intake) look(ctx context.Context, t *topic) (*state, error) {
	before := t.state.Load()
	failures := t.failures.Load()
	s, err := in.describe(ctx, t.name)
	if errors.Is(err, ErrNoTopic) {
		in.forget(t)
	}
	if err != nil {
		return nil, err
	}
	s.failures = failures
	same := before != nil && before.id == s.id
	in.turnTo(t, s.id)
	if same {
		copy(s.parts, before.parts)
	}
	if same && time.Since(before.sized) < sizeFreshFor {
		s.maxBytes, s.sized = before.maxBytes, before.sized
	} else if err := in.size(ctx, t.name, s); err != nil {
		return nil, err
	}
	if !same || len(before.parts) < len(s.parts) || before.failures != failures {
		if err := in.acquaint(ctx, t.name, len(s.parts)); err != nil {
			return nil, err
		}
		if err := in.load(ctx, t, s); err != nil {
			return nil, err
		}
	}
	s.until = time.Now().Add(freshFor)
	return s, nil
}

// turnTo has the client write to the topic that has an id now. Until it is told, it holds
// on to the one that was there before, and refuses all that is to be written. It must not
// be told of one that it writes to: it would number its batches anew, and the cluster
// take them for those that it has.
func (in *Intake) turnTo(t *topic, id [16]byte) {
	t.sending.Lock()
	told, other := t.sending.told, t.sending.id != id
	t.sending.told, t.sending.id = true, id
	t.sending.Unlock() // and no flight for the old one is sent after this
	if gone := t.gone.Swap(false); told && other || gone && !t.touched.Load() {
		in.client.PurgeTopicsFromProducing(t.name)
		t.touched.Store(false)
	}
}

// acquaint has the client know all partitions of a topic. One that it writes to already it
// would look at again after minutes only, and refuse what is for new partitions.
func (in *Intake) acquaint(ctx context.Context, name string, parts int) error {
	for {
		known, _, _ := in.client.PartitionLeader(name, 0) // the error is of loading it, which goes on
		last, _, err := in.client.PartitionLeader(name, int32(parts-1))
		if known < 0 || last >= 0 || err != nil {
			return nil
		}
		in.client.ForceMetadataRefresh()
		if err := pause(ctx, 50*time.Millisecond); err != nil {
			return fmt.Errorf("%w: topic %q has %d partitions now, and not all are found: %w", ErrUnavailable, name, parts, err)
		}
	}
}

// describe asks for a topic's id and partitions. A cluster that makes topics when a
// client asks for them makes this one.
func (in *Intake) describe(ctx context.Context, name string) (*state, error) {
	req := kmsg.NewPtrMetadataRequest()
	req.AllowAutoTopicCreation = true
	asked := kmsg.NewMetadataRequestTopic()
	asked.Topic = &name
	req.Topics = append(req.Topics, asked)
	for {
		resp, err := req.RequestWith(ctx, in.client)
		if err != nil {
			return nil, fmt.Errorf("%w: topic %q: %w", ErrUnavailable, name, err)
		}
		if len(resp.Topics) != 1 {
			return nil, fmt.Errorf("%w: the cluster was asked for topic %q, and answered for %d", ErrUnavailable, name, len(resp.Topics))
		}
		found := &resp.Topics[0]
		err = kerr.ErrorForCode(found.ErrorCode)
		if errors.Is(err, kerr.LeaderNotAvailable) || err == nil && len(found.Partitions) == 0 { // it is being made
			if err := pause(ctx, 50*time.Millisecond); err != nil {
				return nil, fmt.Errorf("%w: topic %q is being made: %w", ErrUnavailable, name, err)
			}
			continue
		}
		if err != nil {
			return nil, explained(name, err)
		}
		s := &state{id: found.TopicID, parts: make([]*part, len(found.Partitions))}
		for i := range s.parts {
			s.parts[i] = newPart()
		}
		return s, nil
	}
}

// pause waits, or returns why it was not waited to the end.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// batchBytes is how large record batches for a topic may be, as far as is known.
func (in *Intake) batchBytes(name string) int32 {
	in.mu.Lock()
	t := in.mu.topics[name]
	in.mu.Unlock()
	if t != nil {
		if s := t.state.Load(); s != nil {
			return int32(s.maxBytes)
		}
	}
	return defaultBatch
}

// size asks how large messages of the topic may be.
func (in *Intake) size(ctx context.Context, name string, s *state) error {
	const key = "max.message.bytes"
	all, err := kadm.NewClient(in.client).DescribeTopicConfigs(ctx, name)
	if err != nil {
		return fmt.Errorf("%w: settings of topic %q: %w", ErrUnavailable, name, err)
	}
	s.maxBytes, s.sized = defaultBatch, time.Now()
	for _, c := range all {
		for _, one := range c.Configs {
			if n, err := strconv.Atoi(one.MaybeValue()); one.Key == key && err == nil {
				s.maxBytes = min(max(n, smallestBatch), largestBatch)
			}
		}
	}
	return nil
}
