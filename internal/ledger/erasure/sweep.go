package erasure

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/proof"
)

const (
	// resumeEvery is how often erasures that are not completed are tried again.
	resumeEvery = 5 * time.Second
	// sweepEvery is how often salts are looked for whose records are gone: as often
	// as retention is applied.
	sweepEvery = 5 * time.Minute
)

// Run completes erasures that were begun, and destroys the salts of records that
// retention, DeleteRecords and the deletion of topics have removed, until ctx ends.
func (e *Eraser) Run(ctx context.Context) {
	resume, sweep := time.NewTicker(resumeEvery), time.NewTicker(sweepEvery)
	defer resume.Stop()
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-resume.C:
			e.Resume(ctx)
		case <-sweep.C:
			if err := e.Sweep(ctx); err != nil && ctx.Err() == nil && !errors.Is(err, ledger.ErrClosed) {
				e.Logger.Warn("salts of records that are gone could not be destroyed; it is tried again", "error", err)
			}
		}
	}
}

// Resume tries erasures that are not completed once more.
func (e *Eraser) Resume(ctx context.Context) {
	for _, entry := range e.Ledger.Unfinished() {
		t, err := proof.ParseOrigin(e.Ledger.Origin(), entry.Origin)
		if err == nil {
			err = e.destroy(ctx, Part{Topic: t.Topic, TopicID: t.TopicID, Partition: t.Partition, Offsets: entry.Offsets})
		}
		if _, ok := unreadable(err); err == nil || ok {
			e.Ledger.FinishErasure(entry)
		} else if ctx.Err() == nil {
			e.Logger.Debug("an erasure is still not completed", "origin", entry.Origin, "error", err)
		}
	}
}

// Sweep destroys salts whose records the log has let go of.
func (e *Eraser) Sweep(ctx context.Context) error {
	topics, err := e.Reader.Topics(ctx)
	if err != nil {
		return fmt.Errorf("topics: %w", err)
	}
	starts := map[proof.Tree]int64{}
	for name, id := range topics {
		spans, err := e.Reader.Spans(ctx, name)
		if err != nil {
			return err
		}
		for _, s := range spans {
			starts[proof.Tree{Topic: name, TopicID: id, Partition: s.Partition}] = s.Start
		}
	}
	for _, tree := range e.Ledger.Trees() {
		end, by := tree.Size, ledger.ByDeletion
		if !tree.Deleted {
			start, ok := starts[proof.Tree{Topic: tree.Topic, TopicID: tree.TopicID, Partition: tree.Partition}]
			if !ok || tree.Closed {
				continue
			}
			end, by = min(start, tree.Size), ledger.ByRetention
		}
		if err := e.sweep(ctx, tree.Tree, end, by); err != nil {
			return err
		}
	}
	return nil
}

// sweep destroys the salts of a tree below an offset.
func (e *Eraser) sweep(ctx context.Context, t proof.Tree, end int64, by string) error {
	done, err := e.Ledger.Erasures(t)
	if err != nil {
		return err
	}
	if next := swept(t.Origin(), done); next < end {
		_, err = e.Ledger.Erase(ctx, t, []proof.Range{{First: next, Last: end - 1}}, by)
	}
	return err
}

// swept is up to which offset all salts of a tree are destroyed.
func swept(origin string, done []ledger.Erased) (next int64) {
	var set Set
	for _, e := range done {
		if e.Origin == origin {
			for _, r := range e.Offsets {
				set.Add(r)
			}
		}
	}
	if all := set.Ranges(); len(all) > 0 && all[0].First == 0 {
		next = all[0].Last + 1
	}
	return next
}
