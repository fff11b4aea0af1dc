package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// ErrStopped says that the ledger's disk failed. The ledger comes back by itself.
var ErrStopped = errors.New("the ledger has stopped, and tries to come back")

// After a failure the files are opened again after backFirst, and then after
// twice as long each time, up to backMost: a full disk is freed some day.
const (
	backFirst = 100 * time.Millisecond
	backMost  = 5 * time.Second
)

// Err is why the ledger has stopped, nil if it has not. It wraps ErrStopped.
func (l *Ledger) Err() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.mu.failed
}

// Stops is how often the ledger has stopped. Each time it forgets the leaves that
// no round has, and which trees were to be closed.
func (l *Ledger) Stops() int64 { return l.stops.Load() }

// comeBack stops all trees because of an error, and opens the files again as soon
// as that can be done. It returns false if ctx ended before.
func (l *Ledger) comeBack(ctx context.Context, why error) bool {
	l.cfg.Logger.Error("the ledger has stopped, and tries to come back", "error", why)
	l.halt(why)
	for wait := backFirst; l.rest(ctx, wait); wait = min(2*wait, backMost) {
		err := l.reopen(ctx)
		if err == nil {
			l.cfg.Logger.Info("the ledger is back", "entries", l.signed.Load().Size)
			return true
		}
		if err.Error() != why.Error() {
			l.cfg.Logger.Error("the ledger cannot come back yet", "error", err)
		}
		why = err
		l.halt(err)
	}
	return false
}

// halt forgets all trees that are open, with what no round has, and lets go who
// waits for them.
func (l *Ledger) halt(why error) {
	l.opening.Lock()
	defer l.opening.Unlock()
	l.mu.Lock()
	l.mu.failed = fmt.Errorf("%w: %w", ErrStopped, why)
	l.metrics.failures.Inc()
	l.stops.Add(1)
	partitions := slices.Collect(maps.Values(l.mu.partitions))
	clear(l.mu.partitions)
	clear(l.mu.grown)
	clear(l.mu.full)
	l.mu.Unlock()
	for _, p := range partitions {
		p.drop()
	}
	clear(l.written)
	l.records.Store(0)
	l.bytes.Store(0)
}

// rest waits, and meanwhile answers whoever wants something. It returns false if
// ctx ends.
func (l *Ledger) rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return true
		case r := <-l.erasing:
			r.answer <- erasedAnswer{err: l.Err()}
		case r := <-l.mended:
			r.answer <- l.Err()
		}
	}
}

// reopen opens the files again and checks them against what was signed, as Open
// does. Trees can be opened then.
func (l *Ledger) reopen(ctx context.Context) error {
	if err := l.store.Reopen(); err != nil {
		return err
	}
	if err := l.checkSigned(); err != nil {
		return err
	}
	if err := l.learnTime(); err != nil {
		return err
	}
	if l.sharing != nil {
		if err := l.join(ctx, l.sharing.bucket); err != nil {
			return err
		}
	}
	if err := l.sign(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.mu.failed = nil
	return nil
}
