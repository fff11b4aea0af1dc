package follow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/source"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/proof"
)

// A reading is the partitions of one leader, as they are read. One goroutine at a
// time has it, and it keeps its reader from one look for topics to the next.
type reading struct {
	f          *Follower
	reader     source.Reader
	partitions map[key]*followed
	resting    map[key]*followed // after errors
	lost       bool              // partitions must be looked for elsewhere
	over       bool              // all of them: the ledger has stopped
}

// run reads partitions until a time, or until one must be looked for elsewhere.
func (r *reading) run(ctx context.Context, partitions []*followed, until time.Time) {
	r.lost, r.over = false, false
	r.follow(partitions)
	for !r.lost && ctx.Err() == nil && time.Now().Before(until) {
		err := r.reader.Read(ctx, r.wake(time.Now()), func(a source.Answer) (int64, bool) { return r.take(ctx, a) })
		if err != nil && ctx.Err() == nil {
			r.f.cfg.Logger.Warn("the ledger cannot read, and tries again", "error", err)
			wait(ctx, retryAfter)
			return
		}
	}
}

// follow makes the reader read these partitions and no others, from where their trees
// are.
func (r *reading) follow(partitions []*followed) {
	before := r.partitions
	r.partitions = make(map[key]*followed, len(partitions))
	clear(r.resting)
	for _, p := range partitions {
		r.partitions[p.key] = p
		r.resting[p.key] = p // unless it is over
	}
	for k := range before {
		if r.partitions[k] == nil {
			r.reader.Forget(k)
		}
	}
}

// wake lets partitions be read that have rested, and tells how long nothing has to be
// done for the others.
func (r *reading) wake(now time.Time) time.Duration {
	patience := patienceFor(len(r.partitions))
	for k, p := range r.resting {
		if p.waiting.over(now) {
			delete(r.resting, k)
			r.reader.Want(source.Partition{Key: k, Topic: p.topic}, p.tree.Next())
			continue
		}
		patience = min(patience, p.waiting.until.Sub(now))
	}
	return patience
}

// patienceFor is how long a read of so many partitions waits.
func patienceFor(partitions int) time.Duration {
	return min(max(patience, time.Duration(partitions)*patienceEach), patienceMost)
}

// rest lets a partition rest as it is waiting.
func (r *reading) rest(p *followed) (next int64, goOn bool) {
	r.resting[p.key] = p
	return 0, false
}

// take gives the ledger what was read of a partition.
func (r *reading) take(ctx context.Context, a source.Answer) (next int64, goOn bool) {
	p := r.partitions[a.Key]
	if p == nil || ctx.Err() != nil || r.over {
		return 0, false
	}
	before := p.tree.Next()
	err := r.f.takeOne(ctx, p, &a)
	closed := errors.Is(err, ledger.ErrClosed)
	if closed { // another node has gone on with the tree, or the ledger ends
		err = r.f.renew(p)
	}
	switch {
	case closed && err != nil, errors.Is(err, ledger.ErrStopped):
		r.lost, r.over = true, true
		return 0, false
	case errors.Is(err, errUnsettled):
		p.waiting.until = time.Now().Add(retryAfter)
		return r.rest(p)
	case err != nil:
		r.lost = r.f.trouble(p, err) || r.lost
		return r.rest(p)
	}
	p.waiting = waiting{}
	if next = p.tree.Next(); next == before && (closed || a.Err != nil) { // asking at once does not help
		p.waiting.until = time.Now().Add(retryAfter)
		return r.rest(p)
	}
	return next, true
}

func (f *Follower) takeOne(ctx context.Context, p *followed, a *source.Answer) error {
	if errors.Is(a.Err, kerr.OffsetOutOfRange) {
		return f.realign(ctx, p)
	}
	if a.Err != nil {
		return a.Err
	}
	p.tree.Trim(a.LogStart)
	for b := a.Batches; len(b) > 0; {
		first, rest, err := batch.Next(b)
		if errors.Is(err, batch.ErrShort) {
			return nil // the answer was full
		}
		if err == nil {
			err = first.Check()
		}
		if err != nil {
			return fmt.Errorf("batch at offset %d: %w", p.tree.Next(), err)
		}
		if same, err := f.compare(ctx, p, first.LeaderEpoch()); !same || err != nil {
			return err
		}
		if done, err := p.tree.Lost(first.BaseOffset(), proof.Removed); !done || err != nil {
			return err // the rest of a long gap comes with the next answer
		}
		err = p.tree.Add(first)
		if errors.Is(err, ledger.ErrClosed) {
			return err
		}
		if err != nil {
			f.alarm(Unreadable, "records cannot be read, and are lost to the ledger", "partition", p, "error", err)
		}
		b = rest
	}
	return nil
}

// realign finds out why the next offset is not in the log: records were removed
// before they were read, or the log was cut back.
func (f *Follower) realign(ctx context.Context, p *followed) error {
	const earliest, latest = -2, -1
	start, err := f.offset(ctx, p, earliest)
	if err != nil {
		return err
	}
	end, err := f.offset(ctx, p, latest)
	if err != nil {
		return err
	}
	switch next := p.tree.Next(); {
	case next < start:
		if next > 0 {
			f.alarm(Lost, "records were removed before the ledger read them: their offsets are lost to it",
				"partition", p, "from", next, "to", start)
		}
		_, err := p.tree.Lost(start, proof.Expired) // the rest of many comes when the next offset is out of range again
		return err
	case next > end:
		f.alarm(Truncated, "the log was cut back behind the ledger: the tree is closed, and another begins",
			"partition", p, "ledger", next, "log", end)
		p.tree.Close(fmt.Sprintf("truncated to %d", end))
		return f.renew(p)
	}
	return nil // it was out of range, and is not any more
}

// renew follows a partition with the tree that comes after one that was closed.
func (f *Follower) renew(p *followed) error {
	tree, err := f.tree(p.topic, p.key)
	if err != nil {
		return err
	}
	f.mu.Lock()
	p.tree, p.compared = tree, false
	f.mu.Unlock()
	f.index(p)
	return nil
}

// offset asks for the first (-2) or the next (-1) offset of a partition.
func (f *Follower) offset(ctx context.Context, p *followed, which int64) (int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = p.topic
	q := kmsg.NewListOffsetsRequestTopicPartition()
	q.Partition, q.Timestamp = p.Number, which
	t.Partitions = append(t.Partitions, q)
	req.Topics = append(req.Topics, t)
	answer, err := f.cfg.Client.Broker(int(p.leader)).RetriableRequest(ctx, req)
	if err != nil {
		return 0, err
	}
	for _, t := range answer.(*kmsg.ListOffsetsResponse).Topics {
		for _, r := range t.Partitions {
			return r.Offset, kerr.ErrorForCode(r.ErrorCode)
		}
	}
	return 0, fmt.Errorf("ListOffsets of %v: the answer is empty", p)
}
