package follow

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/ledger/fetch"
	"github.com/evidentlog/evident/internal/log/batch"
)

// errUnsettled says that leaves are not durable yet, and must be before the log is
// compared with them.
var errUnsettled = errors.New("the tree has leaves that no round has")

// compare finds out whether the log still is the one that the tree was made of,
// when a partition is followed anew, and whenever the epoch of its leader changes:
// a cut tail may have grown again, with other records. If it is not, the tree is
// closed, another begins, and the answer is false.
//
// It looks at the records themselves, not at where epochs begin: what a broker
// tells of its epochs need not be what its log has.
func (f *Follower) compare(ctx context.Context, p *followed, epoch int32) (same bool, err error) {
	next := p.tree.Next()
	if p.compared && p.epoch == epoch || next == 0 {
		p.compared, p.epoch = true, epoch
		return true, nil
	}
	if p.tree.Durable() < next {
		return false, errUnsettled
	}
	differs, err := f.compareEnd(ctx, p, next)
	if err != nil {
		return false, err
	}
	if differs < 0 {
		p.compared, p.epoch = true, epoch
		return true, nil
	}
	if differs, err = f.firstDifference(ctx, p, differs); err != nil {
		return false, err
	}
	f.alarm(Diverged, "the log has other records than the ledger saw there: the tree is closed, and another begins",
		"partition", p, "ledger", next, "from", differs)
	p.tree.Close(fmt.Sprintf("diverged at %d", differs))
	return false, f.renew(p)
}

// compareEnd compares the log with a tree's end: with the last leaf, or, where that
// cannot be told from any record since its salt was destroyed, the last that can.
func (f *Follower) compareEnd(ctx context.Context, p *followed, next int64) (differs int64, err error) {
	differs, same, err := f.compareAt(ctx, p, next-1)
	if err != nil || differs >= 0 || same >= 0 {
		return differs, err
	}
	last, err := p.tree.LastKnown(next)
	if err != nil || last < 0 {
		return -1, err
	}
	differs, _, err = f.compareAt(ctx, p, last)
	return differs, err
}

// firstDifference finds the first offset where the log differs, by halves: from
// there on all of it does. It differs at an offset.
func (f *Follower) firstDifference(ctx context.Context, p *followed, at int64) (int64, error) {
	for same := int64(0); same < at; {
		middle := same + (at-same)/2
		differs, last, err := f.compareAt(ctx, p, middle)
		switch {
		case err != nil:
			return 0, err
		case differs >= 0 && last >= 0:
			return differs, nil // both are in one batch
		case differs >= 0:
			at = min(middle, differs)
		default:
			same = max(middle, last) + 1 // what cannot be compared is not known to differ
		}
	}
	return at, nil
}

// compareAt compares the batch at an offset. There may be none.
func (f *Follower) compareAt(ctx context.Context, p *followed, offset int64) (differs, same int64, err error) {
	b, err := f.batchAt(ctx, p, offset)
	if b == nil || err != nil {
		return -1, -1, err
	}
	return p.tree.Compare(b)
}

// batchAt fetches the batch at an offset, or after it; nil if the log does not go
// there.
func (f *Follower) batchAt(ctx context.Context, p *followed, offset int64) (batch.Batch, error) {
	at := fetch.Partition{Client: f.cfg.Client, Leader: p.leader, Topic: p.topic, ID: p.ID, Number: p.Number}
	r, err := at.Read(ctx, offset, 1, 0) // one batch comes, whatever its size
	if errors.Is(err, kerr.OffsetOutOfRange) || err == nil && len(r.RecordBatches) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	b, _, err := batch.Next(r.RecordBatches)
	if err == nil {
		err = b.Check()
	}
	if err != nil {
		return nil, fmt.Errorf("batch at offset %d: %w", offset, err)
	}
	return b, nil
}
