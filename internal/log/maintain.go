package log

import (
	"context"
	"errors"
	"math"
	"time"
)

// maintain does the work that no request waits for, until ctx ends.
func (l *Log) maintain(ctx context.Context) {
	second := time.NewTicker(time.Second)
	flush := time.NewTicker(flushAge)
	checkpoint := time.NewTicker(checkpointAge)
	retention := time.NewTicker(l.cfg.RetentionInterval)
	compaction := time.NewTicker(l.cfg.CompactionInterval)
	for _, t := range []*time.Ticker{second, flush, checkpoint, retention, compaction} {
		defer t.Stop()
	}
	var appended float64
	for {
		select {
		case <-ctx.Done():
			return
		case <-second.C:
			appended = l.releaseMemory(appended)
		case <-flush.C:
			l.flushJournalled(l.partitions(), math.MaxUint64)
			l.tryCheckpoint()
		case <-l.wake:
			l.tryCheckpoint()
		case <-checkpoint.C:
			if l.unsaved.Load() > 0 {
				l.tryCheckpoint()
			}
		case <-retention.C:
			l.report("retention", nil, l.applyRetention(l.partitions(), l.cfg.Now()))
			l.expireProducers()
		case <-compaction.C:
			for _, p := range l.partitions() {
				l.report("compaction", p, p.compact(ctx, l.cfg.Now()))
			}
		}
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

// checkpointOrClose writes a checkpoint that knows what so far only the journal
// proved to be durable, trying again until it succeeds. It returns false if the log
// was closed before.
func (l *Log) checkpointOrClose() bool {
	for l.writeCheckpoints() != nil {
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

// flushGroup is how many partitions are flushed at once in the background.
// After each group the disk is left to the commits that appends wait for, as
// long as the group took but no longer than flushRest; only when the journal
// runs short of files is there no rest.
const (
	flushGroup = 2
	flushRest  = 5 * time.Millisecond
)

// flushJournalled brings the partitions' bytes in journal files up to id into
// their segments, except of partitions that are stopped. It gives up when the
// log is being closed, which flushes them too.
func (l *Log) flushJournalled(list []*Partition, id uint64) {
	for len(list) > 0 && !l.isClosed() {
		began := time.Now()
		group := list[:min(flushGroup, len(list))]
		list = list[len(group):]
		results := make(chan error, len(group))
		started := 0
		for _, p := range group {
			if p.startFlush(id, func(err error) { results <- err }) {
				started++
			}
		}
		for range started {
			<-results // an error stops the partition, which tells of it
		}
		if started > 0 && l.journal.liveFiles() < maxLive-1 {
			time.Sleep(min(time.Since(began), flushRest))
		}
	}
}

// startFlush begins a flush if the partition has bytes in journal files up to
// id and is in service.
func (p *Partition) startFlush(id uint64, done func(error)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.inJournal(id) || p.mu.err != nil {
		return false
	}
	p.flushThen(done)
	return true
}

// inJournal tells whether bytes in journal files up to id are not flushed yet.
// The lock is held.
func (p *Partition) inJournal(id uint64) bool {
	j := p.mu.commit.journal
	return j != 0 && j <= id
}

// waitFlushed flushes the partition, and returns true when it needs the journal
// files up to id no more. One that is stopped is waited for: it is repaired,
// which flushes it, or deleted. False means that it was closed before.
func (p *Partition) waitFlushed(id uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.inJournal(id) && !p.mu.closed {
		if p.mu.err != nil {
			p.room.Wait()
			continue
		}
		ch := make(chan error, 1)
		p.flushThen(func(err error) { ch <- err })
		p.mu.Unlock()
		<-ch
		p.mu.Lock()
	}
	return !p.inJournal(id) || errors.Is(p.mu.err, ErrDeleted)
}
