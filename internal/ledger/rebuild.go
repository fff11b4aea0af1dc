package ledger

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/evidentlog/evident/internal/ledger/store"
	"github.com/evidentlog/evident/proof"
)

// UnrebuiltAlarm is what Config.Alarm is told when a tree cannot be made again, or
// not all of it.
const UnrebuiltAlarm = "unrebuilt"

// ErrRebuilding says that a tree is being made again, and others have to wait.
var ErrRebuilding = errors.New("a tree is being made again: one is at a time")

// rebuildTells is how often a node says how far it is.
const rebuildTells = 10 * time.Second

// A rebuildRequest asks Run to put entries that were made again into their place.
type rebuildRequest struct {
	*store.Rebuilding
	answer chan error
}

// Rebuild makes the entries of a partition's newest tree again, where they are lost
// or damaged, from records and salts; and all of its hashes. t.Deployment and
// t.Generation are ignored. What is made again is used only if it leads to the
// newest head; if not, the error is [store.ErrUnrebuilt]. Other trees go on, and so
// does this one if it is open. It reads all entries of the tree, and records where
// entries are damaged.
func (l *Ledger) Rebuild(ctx context.Context, t proof.Tree, records Records) (store.Rebuilt, error) {
	if !l.rebuilding.TryLock() {
		return store.Rebuilt{}, ErrRebuilding
	}
	defer l.rebuilding.Unlock()
	generations, err := l.generations(t)
	if err != nil {
		return store.Rebuilt{}, err
	}
	origin := generations[len(generations)-1].Origin
	done, err := l.rebuild(ctx, origin, records)
	switch {
	case errors.Is(err, store.ErrUnrebuilt) || len(done.Unmended) > 0 || len(done.Saltless) > 0:
		l.cfg.Logger.Error("a tree could not be made again in all", "tree", origin, "error", err,
			"unmended", proof.FormatRanges(done.Unmended), "without salts", proof.FormatRanges(done.Saltless), slog.String("alarm", UnrebuiltAlarm))
		if l.cfg.Alarm != nil {
			l.cfg.Alarm(UnrebuiltAlarm)
		}
	case err == nil:
		l.cfg.Logger.Info("a tree was made again", "tree", origin, "size", done.Size, "mended", proof.FormatRanges(done.Mended))
	}
	if err == nil {
		l.rebuilt.Add(1)
	}
	return done, err
}

// Rebuilds is how many trees were made again: those that could not be opened may be
// opened now.
func (l *Ledger) Rebuilds() int64 { return l.rebuilt.Load() }

func (l *Ledger) rebuild(ctx context.Context, origin string, records Records) (store.Rebuilt, error) {
	id, _ := l.store.Find(origin)
	said := time.Now()
	tell := func(done, size int64) {
		if time.Since(said) >= rebuildTells {
			said = time.Now()
			l.cfg.Logger.Info("a tree is being made again", "tree", origin, "offsets", done, "of", size)
		}
	}
	r, done, err := l.store.BeginRebuild(ctx, id, newRemaker(&l.codecs, records), tell)
	if r == nil || err != nil {
		return done, err
	}
	if err := r.Prepare(); err != nil {
		return done, errors.Join(err, r.Drop())
	}
	request := &rebuildRequest{r, make(chan error, 1)}
	select {
	case l.mended <- request:
	case <-l.over:
		return done, errors.Join(ErrClosed, r.Drop())
	case <-ctx.Done():
		return done, errors.Join(ctx.Err(), r.Drop())
	}
	if err := <-request.answer; err != nil {
		return done, errors.Join(err, r.Drop())
	}
	return done, l.store.WriteRebuiltHashes(r)
}

// putRebuilt puts entries that were made again into their place. The error is one
// that ends Run.
func (l *Ledger) putRebuilt(r *rebuildRequest) error {
	r.answer <- l.store.FinishRebuild(r.Rebuilding)
	return l.store.Err()
}
