package follow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/proof"
)

// fetchLoop fetches from one leader until a time, or until a partition must be
// looked for elsewhere.
func (f *Follower) fetchLoop(ctx context.Context, leader int32, partitions []*followed, until time.Time) {
	for first := 0; ctx.Err() == nil && time.Now().Before(until); first++ {
		resp, asked, err := f.fetch(ctx, leader, partitions, first)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			f.cfg.Logger.Warn("the ledger cannot read, and tries again", "broker", leader, "error", err)
			wait(ctx, retryAfter)
			return
		case len(asked) == 0:
			wait(ctx, retryAfter)
		case f.takeAll(ctx, resp, asked):
			return
		}
	}
}

// patienceFor is how long a fetch of so many partitions waits.
func patienceFor(partitions int) time.Duration {
	return min(max(patience, time.Duration(partitions)*patienceEach), patienceMost)
}

// fetch asks for what comes next in all partitions that do not rest. The one
// that is asked for first changes, so that a busy one starves nobody.
func (f *Follower) fetch(ctx context.Context, leader int32, partitions []*followed, first int) (*kmsg.FetchResponse, map[key]*followed, error) {
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis = int32(patienceFor(len(partitions)).Milliseconds())
	req.MinBytes = fetchMin
	req.MaxBytes = fetchMax
	req.IsolationLevel = 0 // aborted records are part of history, too
	req.SessionEpoch = -1
	asked := map[key]*followed{}
	topics := map[[16]byte]int{}
	now := time.Now()
	for i := range partitions {
		p := partitions[(first+i)%len(partitions)]
		if !p.waiting.over(now) {
			continue
		}
		at, ok := topics[p.id]
		if !ok {
			at = len(req.Topics)
			topics[p.id] = at
			t := kmsg.NewFetchRequestTopic()
			t.Topic, t.TopicID = p.topic, p.id
			req.Topics = append(req.Topics, t)
		}
		q := kmsg.NewFetchRequestTopicPartition()
		q.Partition, q.FetchOffset, q.PartitionMaxBytes = p.partition, p.tree.Next(), partitionMax
		req.Topics[at].Partitions = append(req.Topics[at].Partitions, q)
		asked[p.key] = p
		if p.end > p.tree.Next() {
			req.MinBytes = 0 // it is there: an answer may end with a segment of the log
		}
	}
	if len(asked) == 0 {
		return nil, nil, nil
	}
	answer, err := f.cfg.Client.Broker(int(leader)).RetriableRequest(ctx, req)
	if err != nil {
		return nil, nil, err
	}
	resp := answer.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, nil, err
	}
	return resp, asked, f.nameTopics(resp, req)
}

// nameTopics gives the topics of an answer of an old version, which has names
// only, their ids.
func (f *Follower) nameTopics(resp *kmsg.FetchResponse, req *kmsg.FetchRequest) error {
	for i := range resp.Topics {
		t := &resp.Topics[i]
		if t.TopicID != [16]byte{} {
			continue
		}
		for j := range req.Topics {
			if t.Topic == req.Topics[j].Topic {
				t.TopicID = req.Topics[j].TopicID
			}
		}
		if t.TopicID == [16]byte{} {
			return fmt.Errorf("the answer has topic %q, which was not asked for", t.Topic)
		}
	}
	return nil
}

// takeAll gives the ledger what an answer has. It returns true if partitions
// must be looked for again.
func (f *Follower) takeAll(ctx context.Context, resp *kmsg.FetchResponse, asked map[key]*followed) (lost bool) {
	for i := range resp.Topics {
		t := &resp.Topics[i]
		for j := range t.Partitions {
			p := asked[key{t.TopicID, t.Partitions[j].Partition}]
			if p == nil || ctx.Err() != nil {
				continue
			}
			before := p.tree.Next()
			err := f.takeOne(ctx, p, &t.Partitions[j])
			if p.tree.Next() == before {
				p.end = 0 // whatever keeps it back, asking at once does not help
			}
			switch {
			case errors.Is(err, ledger.ErrClosed):
				// Another node has gone on with the tree, or the ledger ends.
				if err := f.renew(p); err != nil {
					return true
				}
			case errors.Is(err, ledger.ErrStopped):
				return true
			case errors.Is(err, errUnsettled):
				p.waiting.until = time.Now().Add(retryAfter)
			case err != nil:
				lost = f.trouble(p, err) || lost
			default:
				p.waiting = waiting{}
			}
		}
	}
	return lost
}

func (f *Follower) takeOne(ctx context.Context, p *followed, r *kmsg.FetchResponseTopicPartition) error {
	err := kerr.ErrorForCode(r.ErrorCode)
	if err != nil {
		p.end = 0
	}
	if errors.Is(err, kerr.OffsetOutOfRange) {
		return f.realign(ctx, p)
	}
	if err != nil {
		return err
	}
	p.tree.Trim(r.LogStartOffset)
	p.end = r.HighWatermark
	for b := r.RecordBatches; len(b) > 0; {
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
			return err // the rest of a long gap comes with the next fetch
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
	p.end = 0
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
	q.Partition, q.Timestamp = p.partition, which
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
