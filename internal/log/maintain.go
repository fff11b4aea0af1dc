package log

import (
	"context"
	"errors"
	"time"
)

// maintain does the work that no request waits for, until ctx ends.
func (l *Log) maintain(ctx context.Context) {
	second := time.NewTicker(time.Second)
	checkpoint := time.NewTicker(checkpointAge)
	retention := time.NewTicker(l.cfg.RetentionInterval)
	compaction := time.NewTicker(l.cfg.CompactionInterval)
	for _, t := range []*time.Ticker{second, checkpoint, retention, compaction} {
		defer t.Stop()
	}
	var appended float64
	l.resumeErasures(ctx)
	for {
		select {
		case <-ctx.Done():
			return
		case <-second.C:
			appended = l.releaseMemory(appended)
		case <-l.wake:
			l.tryCheckpoint()
		case <-checkpoint.C:
			if l.unsaved.Load() > 0 {
				l.tryCheckpoint()
			}
		case <-retention.C:
			l.report("retention", nil, l.applyRetention(l.partitions(), l.cfg.Now()))
			l.resumeErasures(ctx) // some of what was to be erased may be gone, and the disk is not full any more
			l.expireProducers()
		case <-compaction.C:
			l.resumeErasures(ctx)
			for _, p := range l.partitions() {
				l.report("compaction", p, p.compact(ctx, l.cfg.Now()))
			}
		}
	}
}

// resumeErasures goes on with erasures that were interrupted.
func (l *Log) resumeErasures(ctx context.Context) {
	for _, p := range l.partitions() {
		err := p.resumeErasure(ctx)
		if left := (*UnreadableError)(nil); errors.As(err, &left) {
			l.cfg.Logger.Error("an erasure is over, and records remain", "error", err)
			continue
		}
		l.report("erasing", p, err)
	}
}

// report tells of a failure, which is tried again at the next turn; it costs
// space, not records. Why a partition is stopped has been told already.
func (l *Log) report(what string, p *Partition, err error) {
	if err == nil || errors.Is(err, context.Canceled) || p != nil && p.Err() != nil {
		return
	}
	l.cfg.Logger.Error(what+" failed; it will be tried again", "error", err)
}

func (l *Log) tryCheckpoint() {
	if err := l.writeCheckpoints(); err != nil {
		l.cfg.Logger.Error("checkpoint failed; it will be tried again, and recovery would take longer until then", "error", err)
	}
}

// untilClosed tries f again until it succeeds. It returns false if the log was
// closed before.
func (l *Log) untilClosed(f func() error) bool {
	for f() != nil {
		for range 10 {
			if l.isClosed() {
				return false
			}
			time.Sleep(checkpointRetry / 10)
		}
	}
	return true
}

// releaseMemory drops what was kept for readers and for reuse once appends
// have ceased. It returns the number of bytes written so far.
func (l *Log) releaseMemory(before float64) float64 {
	l.cache.trim(idleAge)
	now := float64(l.metrics.writtenBytes.Load())
	if now == before {
		l.chunks.shrink()
	}
	return now
}

// wrote counts bytes that went to segments and asks for a checkpoint when
// recovery would have much to scan.
func (l *Log) wrote(n int64) {
	l.metrics.writtenBytes.Add(n)
	if l.unsaved.Add(n) < checkpointBytes {
		return
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *Log) expireProducers() {
	now := l.cfg.Now().UnixMilli()
	for _, p := range l.partitions() {
		p.mu.Lock()
		p.mu.producers.expire(now, l.cfg.ProducerExpiry)
		p.mu.Unlock()
	}
}
