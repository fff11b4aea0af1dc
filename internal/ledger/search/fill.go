package search

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/internal/ledger/index"
	"github.com/evidentlog/evident/internal/ledger/opening"
	"github.com/evidentlog/evident/internal/log/batch"
)

const (
	// restAfter is how long filling rests when it cannot go on.
	restAfter = 200 * time.Millisecond
	// lookAgain is how often partitions that are behind are looked for, even if
	// nobody said that there are any.
	lookAgain = 5 * time.Second
	// mostEmpty is how often a log may answer with nothing where the ledger has seen
	// offsets, before that is looked into: compaction can leave none.
	mostEmpty = 5
)

// Fill reads from the log what the index has not seen, until ctx ends: after a
// crash, for a log that is older than its index, and where the index could not
// keep up.
func (s *Searcher) Fill(ctx context.Context) {
	for ctx.Err() == nil {
		failed := false
		for _, p := range s.Index.Partitions("") {
			if !p.Behind() {
				continue
			}
			if err := s.fill(ctx, p); err != nil && ctx.Err() == nil {
				failed = true
				s.Logger.Warn("the index cannot catch up with a partition, and tries again",
					"topic", p.Name().Topic, "partition", p.Name().Partition, "error", err)
			}
		}
		again := lookAgain
		if failed {
			again = restAfter
		}
		select {
		case <-ctx.Done():
		case <-s.Index.Late():
		case <-time.After(again):
		}
	}
}

// fill reads on where a partition's index ends, until it is not behind.
func (s *Searcher) fill(ctx context.Context, p *index.Partition) error {
	begun, first := time.Now(), p.Next()
	for empty := 0; p.Behind() && ctx.Err() == nil; {
		at := opening.Place{Topic: p.Name().Topic, Partition: p.Name().Partition, Offset: p.Next()}
		chunk, err := s.Reader.Chunk(ctx, at)
		if chunk.TopicID != p.Name().TopicID {
			return err // its topic is gone, and soon the partition; another one may have the name
		}
		var added int
		if errors.Is(err, opening.ErrNoRecord) {
			err = s.skip(ctx, p)
		} else if err == nil {
			added, err = s.addAll(ctx, p, at.Offset, chunk.Batches)
		}
		if err != nil {
			return err
		}
		if empty++; added > 0 {
			empty = 0
		} else if wait(ctx, restAfter); empty > mostEmpty {
			err = believe(p, at.Offset, chunk.End)
		}
		if err != nil {
			return err
		}
	}
	if took := time.Since(begun); took > time.Second {
		s.Logger.Info("the index has caught up with a partition", "topic", p.Name().Topic, "partition", p.Name().Partition, "offsets", p.Next()-first, "took", took)
	}
	return nil
}

var errUnsettled = errors.New("the partition's leader does not know yet how far its log can be read")

// believe takes it that nothing stands from an offset on, if whoever says so knows
// the log as far as the ledger does.
func believe(p *index.Partition, from, end int64) error {
	live := p.Live()
	if end < live {
		return fmt.Errorf("%w: up to offset %d, and the ledger has %d", errUnsettled, end, live)
	}
	p.Add(from, live, &index.Collector{})
	return nil
}

// skip goes on where the log begins.
func (s *Searcher) skip(ctx context.Context, p *index.Partition) error {
	starts, err := kadm.NewClient(s.Reader.Client).ListStartOffsets(ctx, p.Name().Topic)
	if err != nil {
		return err
	}
	first, ok := starts.Lookup(p.Name().Topic, p.Name().Partition)
	switch {
	case !ok:
		return opening.ErrNoRecord
	case first.Err != nil:
		return first.Err
	case first.Offset <= p.Next():
		return fmt.Errorf("%w: offset %d is neither in the log nor before its start, %d", opening.ErrNoRecord, p.Next(), first.Offset)
	}
	p.Skip(first.Offset)
	return nil
}

// addAll adds whole batches, and what lies between them, from an offset on.
func (s *Searcher) addAll(ctx context.Context, p *index.Partition, from int64, batches []byte) (added int, err error) {
	for {
		first, rest, err := batch.Next(batches)
		if err != nil {
			return added, nil // the answer was full
		}
		if err := first.Check(); err != nil {
			return added, err
		}
		if err := s.add(ctx, p, from, first); err != nil {
			return added, err
		}
		added++
		batches, from = rest, first.NextOffset()
	}
}

// add adds a batch as soon as there is room.
func (s *Searcher) add(ctx context.Context, p *index.Partition, from int64, b batch.Batch) error {
	c := s.Index.Collector()
	defer c.Release()
	if !b.Attributes().Control() {
		for r, err := range s.Reader.Records(b) {
			if err != nil {
				break // the ledger has no leaves of the rest either
			}
			c.Record(r.Offset, r.Timestamp, r.Key, r.Value, r.Headers)
		}
	}
	for p.Add(from, b.NextOffset(), c) == index.NoRoom {
		if wait(ctx, restAfter); ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
