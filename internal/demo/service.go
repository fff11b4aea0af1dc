package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// maxPoll is how many events a service takes at once: the most that it does
// again after a crash.
const maxPoll = 500

// fetchMaxWait is how long a fetch may wait for events. It is short because a
// fetch that began before the offsets of all partitions were known keeps the
// others waiting: on a second run on the same data, some begin where the group
// left off, and some must first be asked for.
const fetchMaxWait = 200 * time.Millisecond

// service runs a rule as a consumer group: at-least-once, with repetitions
// recognised by event id. Offsets are committed when what follows from the
// events is durable.
type service struct {
	spec
	run    string // prefix of the sources of this run's events
	client *kgo.Client
	track  *tracker
	seen   map[string]struct{} // ids of handled events; owned by serve

	// state guards the rule and the counts, which the report reads.
	state struct {
		sync.Mutex
		counts ServiceCounts
	}
}

func newService(s spec, run string, cluster Cluster, track *tracker) (*service, error) {
	svc := &service{spec: s, run: run, track: track, seen: make(map[string]struct{})}
	svc.state.counts = ServiceCounts{Name: s.name, Reads: s.reads, Out: make(map[string]int)}
	client, err := kgo.NewClient(append(clientOptions(cluster, s.name),
		kgo.ConsumerGroup(s.name),
		kgo.ConsumeTopics(s.reads...),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.DisableAutoCommit(),
		kgo.FetchMaxWait(fetchMaxWait),
		kgo.BlockRebalanceOnPoll(),
		kgo.OnPartitionsAssigned(func(context.Context, *kgo.Client, map[string][]int32) { track.join(s.name) }),
	)...)
	if err != nil {
		return nil, fmt.Errorf("service %s: %w", s.name, err)
	}
	svc.client = client
	return svc, nil
}

// clientOptions are the options that all clients of the demo share. The client
// is idempotent and asks for acks=all by default.
func clientOptions(cluster Cluster, name string) []kgo.Opt {
	return append(append([]kgo.Opt{}, cluster.Options...),
		kgo.ClientID("evident-demo-"+name),
		kgo.ProducerLinger(0), // latency counts; batches form while one is under way
	)
}

// counts returns a copy of the counts. The caller holds state.
func (s *service) counts() ServiceCounts {
	counts := s.state.counts
	counts.Out = maps.Clone(counts.Out)
	return counts
}

// serve handles events until ctx ends.
func (s *service) serve(ctx context.Context) error {
	for {
		fetches := s.client.PollRecords(ctx, maxPoll)
		if ctx.Err() != nil {
			return nil
		}
		if err := s.fetchError(fetches); err != nil {
			return fmt.Errorf("service %s: %w", s.name, err)
		}
		if err := s.handleAll(ctx, fetches.Records()); err != nil && ctx.Err() == nil {
			return fmt.Errorf("service %s: %w", s.name, err)
		}
		s.client.AllowRebalance()
	}
}

// fetchError returns what is wrong with a poll beyond what the client mends itself.
func (s *service) fetchError(fetches kgo.Fetches) error {
	for _, e := range fetches.Errors() {
		var session *kgo.ErrGroupSession
		if !errors.As(e.Err, &session) {
			return fmt.Errorf("fetch from %s, partition %d: %w", e.Topic, e.Partition, e.Err)
		}
		s.track.note(s.name, session)
	}
	return nil
}

// handleAll handles one poll's records, waits until all that follows from them
// is durable, and then commits their offsets.
func (s *service) handleAll(ctx context.Context, records []*kgo.Record) error {
	if len(records) == 0 {
		return nil
	}
	outputs := newOutbox(s.client, s.track)
	handled := make(map[string]int)
	var failed error
	for _, r := range records {
		fresh, err := s.handle(ctx, r, outputs)
		if err != nil {
			failed = err
			break
		}
		if fresh {
			handled[r.Topic]++
		}
	}
	if err := errors.Join(failed, outputs.wait()); err != nil {
		return err
	}
	if err := s.commit(ctx, records); err != nil {
		return err
	}
	s.track.handle(s.name, handled)
	return nil
}

// handle takes one record through the rule and sends what follows. It reports
// whether the record is an event of this run that was not seen before.
func (s *service) handle(ctx context.Context, r *kgo.Record, outputs *outbox) (bool, error) {
	s.state.Lock()
	defer s.state.Unlock()
	event, err := parseEvent(r)
	if err != nil || !strings.HasPrefix(event.Source, s.run) {
		s.state.counts.Foreign++ // of an earlier run on the same data, or somebody else's
		return false, nil
	}
	id := event.Source + " " + event.ID // unique together (CloudEvents, section 3.1.1)
	if _, repeated := s.seen[id]; repeated {
		s.state.counts.Repeated++
		return false, nil
	}
	s.seen[id] = struct{}{}
	drafts, err := s.rule.handle(event)
	if err != nil {
		return false, err
	}
	s.state.counts.In++
	for _, d := range drafts {
		if err := outputs.send(ctx, d, s.run+s.name, event.ID); err != nil {
			return false, err
		}
		s.state.counts.Out[d.eventType]++
	}
	return true, nil
}

// commit commits the offsets after records. When the group has moved on in the
// meantime, the records are delivered once more and recognised as repetitions.
func (s *service) commit(ctx context.Context, records []*kgo.Record) error {
	err := s.client.CommitRecords(ctx, records...)
	for _, moved := range []error{kerr.RebalanceInProgress, kerr.IllegalGeneration, kerr.UnknownMemberID} {
		if errors.Is(err, moved) {
			s.track.note(s.name, err)
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("commit offsets: %w", err)
	}
	return nil
}
