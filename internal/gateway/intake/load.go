package intake

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/gateway/once"
)

const (
	// loadsAtOnce is how many topics are read at once.
	loadsAtOnce = 4
	// stillness is after what time without a record the rest of a partition is taken for
	// gaps, as compaction leaves them, if the cluster answers meanwhile.
	stillness = 3 * time.Second
	// settling is how long it is waited before it is asked again whether a transaction has
	// ended.
	settling = 50 * time.Millisecond
)

// A stretch is what has to be read of a partition.
type stretch struct{ next, end int64 }

// load reads what is in the log of a topic and not in the index.
func (in *Intake) load(ctx context.Context, t *topic, s *state) error {
	select {
	case in.loads <- struct{}{}:
		defer func() { <-in.loads }()
	case <-ctx.Done():
		return fmt.Errorf("%w: others are being read before topic %q: %w", ErrUnavailable, t.name, context.Cause(ctx))
	}
	from := make([]int64, len(s.parts))
	for i, p := range s.parts {
		from[i] = p.begin()
	}
	todo, err := in.stretches(ctx, t.name, from)
	if err == nil {
		err = in.read(ctx, t.name, s, todo)
	}
	for i, p := range s.parts {
		if err != nil {
			p.failed(from[i])
		} else {
			p.read(todo[int32(i)].end)
		}
	}
	if err != nil {
		return fmt.Errorf("%w: events that topic %q has already: %w", ErrUnavailable, t.name, err)
	}
	return nil
}

// stretches finds what has to be read: from where it was read to before, or from where
// the window begins, to the end.
func (in *Intake) stretches(ctx context.Context, name string, from []int64) (map[int32]*stretch, error) {
	adm := kadm.NewClient(in.client)
	starts, err := adm.ListOffsetsAfterMilli(ctx, time.Now().Add(-in.cfg.Window).UnixMilli(), name)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return nil, err
	}
	ends, err := in.settled(ctx, adm, name)
	if err != nil {
		return nil, err
	}
	todo := make(map[int32]*stretch)
	for i, next := range from {
		end, ok := ends.Lookup(name, int32(i))
		start, ok2 := starts.Lookup(name, int32(i))
		if !ok || !ok2 {
			return nil, fmt.Errorf("the cluster does not say where partition %d begins and ends", i)
		}
		if next == unread {
			next = max(start.Offset, end.Offset-int64(in.cfg.IDs))
		}
		todo[int32(i)] = &stretch{next, end.Offset}
	}
	return todo, nil
}

// settled finds the ends of a topic's partitions, and waits until every transaction that
// was open there has ended: its events may be in the log then, or not.
func (in *Intake) settled(ctx context.Context, adm *kadm.Client, name string) (kadm.ListedOffsets, error) {
	ends, err := adm.ListEndOffsets(ctx, name)
	if err == nil {
		err = ends.Error()
	}
	for err == nil {
		var stable kadm.ListedOffsets
		if stable, err = adm.ListCommittedOffsets(ctx, name); err == nil {
			err = stable.Error()
		}
		if err != nil {
			break
		}
		open := openBefore(name, stable, ends)
		if open == nil {
			return ends, nil
		}
		if err := pause(ctx, settling); err != nil {
			return nil, fmt.Errorf("%w: %w", open, err)
		}
	}
	return nil, err
}

// openBefore says where a transaction is open before the end of a partition; nil: nowhere.
func openBefore(name string, stable, ends kadm.ListedOffsets) error {
	for p, end := range ends[name] {
		if at, ok := stable.Lookup(name, p); !ok || at.Offset < end.Offset {
			return fmt.Errorf("a transaction of another producer is open in partition %d at offset %d, and its events may be the same", p, at.Offset)
		}
	}
	return nil
}

// read reads stretches of partitions into the index.
func (in *Intake) read(ctx context.Context, name string, s *state, todo map[int32]*stretch) error {
	at := make(map[int32]kgo.Offset)
	for p, st := range todo {
		if st.next < st.end {
			at[p] = kgo.NewOffset().At(st.next)
		}
	}
	if len(at) == 0 {
		return nil
	}
	client, err := in.cfg.Client(
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{name: at}), kgo.KeepControlRecords(), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
		kgo.FetchMaxBytes(8<<20), kgo.FetchMaxPartitionBytes(4<<20), kgo.MaxConcurrentFetches(2),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	return in.drain(ctx, client, s, todo, len(at))
}

// drain polls until each of so many partitions has reached its end.
func (in *Intake) drain(ctx context.Context, client *kgo.Client, s *state, todo map[int32]*stretch, left int) error {
	for left > 0 {
		poll, cancel := context.WithTimeout(ctx, stillness)
		fetches := client.PollFetches(poll)
		still := poll.Err() != nil && ctx.Err() == nil
		cancel()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case still && fetches.NumRecords() == 0:
			return client.Ping(ctx) // nothing comes, and the cluster answers: gaps
		}
		if err := fetches.Err0(); err != nil && !still {
			return err
		}
		fetches.EachPartition(func(f kgo.FetchTopicPartition) {
			if st := todo[f.Partition]; len(f.Records) > 0 && st.next < st.end {
				in.learn(s.id, f.Records)
				if st.next = f.Records[len(f.Records)-1].Offset + 1; st.next >= st.end {
					left--
				}
			}
		})
	}
	return nil
}

// learn takes the identities of events in records.
func (in *Intake) learn(topic [16]byte, records []*kgo.Record) {
	now := time.Now()
	for _, r := range records {
		g := event.GlanceAt(headers(r), r.Value)
		if r.Attrs.IsControl() || g.ID == nil || g.Source == nil {
			continue
		}
		in.figures.learnt.Inc()
		in.index.Learn(once.Identity(topic, r.Topic, string(g.Source), string(g.ID)), now.Sub(r.Timestamp), once.Place{Partition: r.Partition, Offset: r.Offset})
	}
}

func headers(r *kgo.Record) iter.Seq2[[]byte, []byte] {
	return func(yield func([]byte, []byte) bool) {
		for i := range r.Headers {
			if !yield([]byte(r.Headers[i].Key), r.Headers[i].Value) {
				return
			}
		}
	}
}
