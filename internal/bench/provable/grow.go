package provable

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

const (
	origin = "example.com/bench"
	// batchRecords is how many records a batch has that is given to the ledger:
	// about what a busy producer's batches have.
	batchRecords = 1000
	// settleEvery is how often it is asked whether leaves are durable.
	settleEvery = time.Millisecond
)

// A grower is a ledger of one partition that is given the same batch again and
// again. Its commitments differ all the same, by their salts.
type grower struct {
	*ledger.Ledger
	tree    proof.Tree
	to      *ledger.Partition
	batch   batch.Batch
	records []proof.Record // of the batch

	stop  context.CancelFunc
	ended chan error
}

// openGrower opens a new ledger in a folder, for records of some size in bytes.
func openGrower(ctx context.Context, dir string, size int) (*grower, error) {
	g := &grower{ended: make(chan error, 1), tree: proof.Tree{Topic: "bench", TopicID: "AAAAAAAAAAAAAAAAAAAAAQ"}}
	if err := g.fill(size); err != nil {
		return nil, err
	}
	var err error
	if g.Ledger, err = ledger.Open(ledger.Config{FS: vfs.OS(), Dir: dir, Origin: origin}); err != nil {
		return nil, err
	}
	ctx, g.stop = context.WithCancel(ctx)
	go func() { g.ended <- g.Run(ctx) }() // close waits for it
	if g.to, err = g.Open(g.tree); err != nil {
		return nil, errors.Join(err, g.close())
	}
	g.tree.Deployment = origin
	return g, nil
}

// fill makes the batch.
func (g *grower) fill(size int) error {
	var codecs batch.Codecs
	b := codecs.NewBuilder(batch.Head{})
	for i := range int64(batchRecords) {
		r := batch.Record{Timestamp: time.Now().UnixMilli() + i, Value: make([]byte, size)}
		rand.Read(r.Value) // never fails: the program ends if it does
		g.records = append(g.records, proof.Record{
			Kind: proof.Data, Timestamp: r.Timestamp, ProducerID: -1, ProducerEpoch: -1, Value: r.Value,
		})
		if err := b.Append(r); err != nil {
			return err
		}
	}
	var err error
	g.batch, err = b.Build()
	return err
}

// add adds one batch, as the ledger's follower does.
func (g *grower) add() error {
	if err := g.batch.Check(); err != nil {
		return err
	}
	g.batch.SetBaseOffset(g.to.Next())
	return g.to.Add(g.batch)
}

// addFor adds batches for a time, until there are a number of leaves, or until
// ctx ends.
func (g *grower) addFor(ctx context.Context, d time.Duration, leaves int64) error {
	for begin := time.Now(); time.Since(begin) < d && g.to.Next() < leaves; {
		if err := errors.Join(ctx.Err(), g.add()); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until all leaves are durable and signed.
func (g *grower) settle(ctx context.Context) error {
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for !g.settled() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-g.ended:
			g.ended <- err
			return fmt.Errorf("the ledger ended: %w", err)
		case <-tick.C:
		}
	}
	return nil
}

func (g *grower) settled() bool {
	if g.to.Durable() < g.to.Next() {
		return false
	}
	_, err := g.Prove(g.tree.Origin()) // what is durable is not signed at once
	return !errors.Is(err, ledger.ErrNotYet)
}

// record is what stands at an offset.
func (g *grower) record(offset int64) ledger.Opened {
	return ledger.Opened{Offset: offset, Record: g.records[offset%batchRecords]}
}

func (g *grower) close() error {
	g.stop()
	return <-g.ended
}
