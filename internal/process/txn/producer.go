package txn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"golang.org/x/sync/errgroup"

	"github.com/evidentlog/evident/internal/log/batch"
)

// Errors of [Producer.Commit].
var (
	// ErrInDoubt says that the context ended before it was known whether the
	// transaction was committed. All other errors say that nothing was.
	ErrInDoubt = errors.New("whether the transaction was committed is not known")
	// ErrNotMember says that the group does not know the member, or is at another
	// generation.
	ErrNotMember = errors.New("the group takes no offsets of this member and generation")
	// ErrFenced says that a producer with the same transactional id has begun, or that
	// the transaction took too long. The next commit fences the other one.
	ErrFenced = errors.New("the producer was fenced")
	// ErrStale says that a topic is not the one any more that the records were made for.
	// To commit them again is of no use: they have to be made anew.
	ErrStale = errors.New("a topic is not what it was when its records were made")
)

// RefusedError says that a topic does not take the records of a transaction, and will
// not take them the next time.
type RefusedError struct {
	Topic     string
	Partition int32
	Err       error
}

func (e *RefusedError) Error() string {
	return fmt.Sprintf("topic %q, partition %d, does not take what is written: %v", e.Topic, e.Partition, e.Err)
}

func (e *RefusedError) Unwrap() error { return e.Err }

// Config says how a producer works.
type Config struct {
	// Client makes the producer's client.
	Client func(opts ...kgo.Opt) (*kgo.Client, error)
	// ID is the transactional id. Of all producers with the same one the latest works.
	ID string
	// Topics are asked for nothing, but told of leaders that have moved.
	Topics *Topics
	// Timeout is after how long the cluster aborts a transaction that nobody ends;
	// 0 is 10 s.
	Timeout time.Duration
}

const (
	defaultTimeout = 10 * time.Second
	// longestBackoff is the longest wait between two attempts of a request.
	longestBackoff = 500 * time.Millisecond
)

// A Producer commits transactions, one after the other. It must not be used
// concurrently.
type Producer struct {
	cfg    Config
	client *kgo.Client // nil before the first transaction
	second bool        // transactions of version 2 (KIP-890)

	id        int64 // -1: InitProducerId is due
	epoch     int16
	count     uint64 // of transactions since then
	sequences map[place]int32
	open      bool // the cluster may have a transaction of ours
}

// place is a partition.
type place struct {
	topic     string
	partition int32
}

// New makes a producer, which asks for nothing before its first transaction.
func New(cfg Config) *Producer {
	if cfg.Timeout == 0 {
		cfg.Timeout = defaultTimeout
	}
	return &Producer{cfg: cfg, id: batch.NoProducerID, sequences: map[place]int32{}}
}

// Close closes the client. A transaction that is open stays so until its timeout; see
// [Producer.Abort].
func (p *Producer) Close() {
	if p.client != nil {
		p.client.Close()
		p.client = nil
	}
}

// Offsets are a group's, committed with a transaction.
type Offsets struct {
	Group      string
	Member     string
	Generation int32
	// Next are the offsets at which partitions go on; at least one, or the outcome of
	// a transaction could not be known.
	Next []Offset
}

// Offset is where one partition goes on.
type Offset struct {
	Topic     string
	Partition int32
	At        int64
	// Note is kept with the offset, after the transaction's name and a space: see
	// [Note].
	Note string
}

// Commit writes what b has and commits offsets, in one transaction. It returns nil if
// that is certain, and otherwise why nothing was committed, or [ErrInDoubt]. b is as it
// was, and can be committed again.
func (p *Producer) Commit(ctx context.Context, b *Buffer, o Offsets) error {
	if err := p.begin(ctx); err != nil {
		return err
	}
	p.count++
	name := fmt.Sprintf("%d.%d.%d", p.id, p.epoch, p.count)
	p.open = true
	if err := p.write(ctx, b, o, name); err != nil {
		p.renounce()
		b.spoiled = b.spoiled || ctx.Err() != nil
		return err
	}
	if err := p.end(ctx); err != nil {
		p.renounce()
		return p.settle(ctx, o, name, err)
	}
	p.open = false
	return nil
}

// Abort ends what is open, if something is. Commit does so by itself when it begins.
func (p *Producer) Abort(ctx context.Context) error {
	if !p.open {
		return nil
	}
	p.renounce()
	return p.begin(ctx)
}

// renounce gives id and epoch up, as what was done with them is in doubt.
func (p *Producer) renounce() { p.id = batch.NoProducerID }

// write sends all there is, and returns nil once all is in the transaction.
func (p *Producer) write(ctx context.Context, b *Buffer, o Offsets, name string) error {
	if err := p.locate(ctx, b); err != nil {
		return err
	}
	if !p.second {
		if err := p.add(ctx, b, o.Group); err != nil {
			return err
		}
	}
	// Not with the group's context: a request that is given up may still be read from
	// the buffer, which is sent again.
	var g errgroup.Group
	g.Go(func() error { return p.commitOffsets(ctx, o, name) })
	if !b.Empty() {
		g.Go(func() error { return p.produce(ctx, b) })
	}
	return g.Wait()
}

// end commits the transaction.
func (p *Producer) end(ctx context.Context) error {
	req := kmsg.NewPtrEndTxnRequest()
	req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = p.cfg.ID, p.id, p.epoch, true
	resp, err := req.RequestWith(ctx, p.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return fmt.Errorf("ending transaction of %q: %w", p.cfg.ID, err)
	}
	if resp.Version >= endRaises && resp.ProducerID >= 0 {
		p.id, p.epoch, p.count = resp.ProducerID, resp.ProducerEpoch, 0
		clear(p.sequences)
	}
	return nil
}

// fenced gives errors by which a cluster says that the epoch is past its time a name.
func fenced(err error) error {
	for _, known := range []error{kerr.ProducerFenced, kerr.InvalidProducerEpoch, kerr.InvalidProducerIDMapping, kerr.UnknownProducerID, kerr.InvalidTxnState} {
		if errors.Is(err, known) {
			return fmt.Errorf("%w: %w", ErrFenced, err)
		}
	}
	return err
}
