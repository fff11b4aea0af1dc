package lag

import (
	"errors"
	"fmt"

	"github.com/evidentlog/evident/internal/log"
)

const (
	// All partitions are looked at as often as this many bytes came, but not more
	// often than with each tick, or this many ticks have passed.
	calmBytes = 4 << 20
	calmTicks = 10
	// After askAgain ticks it is asked again about a partition of which the ledger
	// had all: it may have begun another tree, and not have anything.
	askAgain = 50
)

// A verdict is what is known of a partition.
type verdict struct {
	end   int64 // high watermark up to which the ledger has all; -1 if it has not
	limit int64 // of bytes that may wait
	asked int   // tick at which that was found out
	seen  int   // tick at which the partition was there
}

// A look is what is found out about all partitions.
type look struct {
	total    amount
	worst    error
	fullness map[log.ID]float64
	headroom int64 // how many bytes may come before any limit could be half reached
}

// tick looks at all partitions if what came since the last time may have changed a
// verdict, or it is long ago.
func (w *Watch) tick() {
	w.ticks++
	appended := w.cfg.Appended()
	if w.ticks < w.next && appended-w.appended < w.headroom {
		return
	}
	w.appended, w.next = appended, w.ticks+calmTicks
	w.look()
}

// look finds out how far the ledger is behind everywhere.
func (w *Watch) look() {
	found := look{fullness: map[log.ID]float64{}, headroom: calmBytes}
	list := w.cfg.Partitions()
	for _, p := range list {
		v := w.verdicts[p]
		if v == nil {
			v = &verdict{end: -1}
			w.verdicts[p] = v
		}
		v.seen = w.ticks
		w.judge(p, v, &found)
	}
	if len(w.verdicts) > len(list) {
		w.forgetGone()
	}
	if share(found.total.bytes, w.cfg.Total) >= 1 {
		found.worst = errors.Join(fmt.Errorf("%w: of all partitions %d bytes wait for it, and %d may", ErrTooFar, found.total.bytes, w.cfg.Total), found.worst)
	}
	w.headroom = min(found.headroom, w.cfg.Total/2-found.total.bytes)
	w.note(&found)
}

// judge adds what waits of a partition.
func (w *Watch) judge(p *log.Partition, v *verdict, found *look) {
	end := p.HighWatermark()
	if v.end != end || w.ticks-v.asked >= askAgain {
		covered, known := w.cfg.Covered(p.ID())
		from := max(covered, p.LogStart())
		*v = verdict{end: -1, limit: w.cfg.Limit(p.ID()), asked: w.ticks, seen: v.seen}
		switch {
		case from >= end:
			v.end = end
		case known:
			found.add(p, amount{end - from, p.BytesFrom(from)}, v.limit)
			return
		}
	}
	found.headroom = min(found.headroom, v.limit/2)
}

// add adds what waits of a partition, of which so many bytes may.
func (k *look) add(p *log.Partition, waits amount, limit int64) {
	k.total.records += waits.records
	k.total.bytes += waits.bytes
	k.headroom = min(k.headroom, limit/2-waits.bytes)
	share := share(waits.bytes, limit)
	if share > 0 {
		k.fullness[p.ID()] = share
	}
	if share >= 1 {
		k.worst = fmt.Errorf("%w: %s-%d: %d records of %d bytes wait for it, and %d bytes may",
			ErrTooFar, p.ID().Topic, p.ID().Partition, waits.records, waits.bytes, limit)
	}
}

// forgetGone forgets partitions that were not there.
func (w *Watch) forgetGone() {
	for p, v := range w.verdicts {
		if v.seen != w.ticks {
			delete(w.verdicts, p)
		}
	}
}

func (w *Watch) note(found *look) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mu.total, w.mu.worst, w.mu.fullness = found.total, found.worst, found.fullness
	w.slow.Store(len(found.fullness) > 0 || share(found.total.bytes, w.cfg.Total) > 0)
}
