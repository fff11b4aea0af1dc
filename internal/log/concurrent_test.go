package log

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/vfs"
)

// TestReadersAndWritersWhileTheLogChangesItsFiles: segments roll, retention,
// compaction and checkpoints run, the tail cache is too small for anything, and
// every reader sees every record that is not removed, once and in order.
func TestReadersAndWritersWhileTheLogChangesItsFiles(t *testing.T) {
	const batches = 300
	l := openLog(t, vfs.NewMem(), func(c *Config) { c.TailCacheBytes = 1 })
	kinds := map[string]func(*Settings){
		"plain":     func(s *Settings) {},
		"retained":  func(s *Settings) { s.RetentionBytes = 3000 },
		"compacted": compacted,
		"loosened":  func(s *Settings) { s.FlushMessages, s.FlushInterval = 7, time.Millisecond },
	}
	var parts []*Partition
	for name, change := range kinds {
		parts = append(parts, l.partition(name, 0, smallSegments, change))
	}
	l.start()
	ctx, cancel := context.WithCancel(t.Context())
	var writers, others sync.WaitGroup
	for _, p := range parts {
		writers.Go(func() { writeAtRandom(t, p, batches) })
		for range 2 {
			others.Go(func() { follow(t, p, batches) })
		}
	}
	others.Go(func() { maintainAtOnce(ctx, t, l) })
	writers.Wait()
	for _, p := range parts {
		if err := p.flush(); err != nil {
			t.Error(err)
		}
	}
	cancel()
	others.Wait()
	l.close()
}

// writeAtRandom appends batches with values from 0 on, some of them large, some
// without waiting for the one before.
func writeAtRandom(t *testing.T, p *Partition, batches int) {
	rng := rand.New(rand.NewPCG(1, 2))
	var waiting sync.WaitGroup
	for v := range batches {
		size := 20 + rng.IntN(200)
		if rng.IntN(20) == 0 {
			size = largeBytes
		}
		waiting.Add(1)
		ack := Ack(rng.IntN(2))
		_, err := p.Append(makeBatch(t, v, 1, size, nil), ack, func(err error) {
			if err != nil {
				t.Errorf("%s: %v", p.ID().Topic, err)
			}
			waiting.Done()
		})
		if err != nil {
			t.Errorf("%s: %v", p.ID().Topic, err)
			return
		}
		if rng.IntN(3) > 0 {
			waiting.Wait()
		}
	}
	waiting.Wait()
}

// follow reads a partition as a consumer does until it has seen the last record.
func follow(t *testing.T, p *Partition, batches int) {
	w := &watcher{make(chan struct{}, 1<<16)}
	p.Watch(w)
	defer p.Unwatch(w)
	last := -1
	for next := int64(0); next < int64(batches); {
		raw, err := readFrom(p, next, 500)
		if errors.Is(err, ErrOffsetOutOfRange) && next < p.LogStart() {
			next = p.LogStart()
			continue
		}
		if err != nil && !errors.Is(err, errReplaced) {
			t.Errorf("%s at %d: %v", p.ID().Topic, next, err)
			return
		}
		if len(raw) == 0 {
			<-w.told
			continue
		}
		if err := checkOrder(raw, &next, &last, p.Settings().Compact); err != nil {
			t.Errorf("%s: %v", p.ID().Topic, err)
			return
		}
	}
}

// checkOrder checks that raw goes on where the last read ended.
func checkOrder(raw []byte, next *int64, last *int, gaps bool) error {
	records, after, err := recordsOf(raw)
	if err != nil {
		return err
	}
	for _, r := range records {
		if r.offset < *next {
			continue
		}
		if r.value <= *last || int64(r.value) != r.offset || !gaps && r.offset != *next {
			return fmt.Errorf("value %d at offset %d after value %d; offset %d was next", r.value, r.offset, *last, *next)
		}
		*last, *next = r.value, r.offset+1
	}
	*next = max(*next, after)
	return nil
}

// maintainAtOnce does all background work again and again.
func maintainAtOnce(ctx context.Context, t *testing.T, l *testLog) {
	for ctx.Err() == nil {
		list := l.partitions()
		if err := l.applyRetention(list, time.Now()); err != nil {
			t.Error(err)
		}
		for _, p := range list {
			if err := p.compact(ctx, time.Now()); err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		if err := l.writeCheckpoints(); err != nil {
			t.Error(err)
		}
		l.cache.trim(0)
		l.chunks.shrink()
	}
}

// TestCloseWhileAppendsGoOn: what was acknowledged is there afterwards, and the stop
// is a clean one.
func TestCloseWhileAppendsGoOn(t *testing.T) {
	disk := vfs.NewMem()
	for range 20 {
		l, p := started(t, disk, smallSegments)
		mustDo(t, p.Err())
		before := len(values(t, p))
		var acknowledged atomic.Int64
		var wg sync.WaitGroup
		for n := range 4 {
			wg.Go(func() {
				for i := 0; ; i++ {
					size := 50
					if (i+n)%7 == 0 {
						size = largeBytes
					}
					if _, err := appendSync(p, makeBatch(t, i, 1, size, nil)); errors.Is(err, ErrClosed) {
						return
					} else if err != nil {
						t.Errorf("append: %v", err)
					}
					acknowledged.Add(1)
				}
			})
		}
		for acknowledged.Load() < 20 {
			time.Sleep(100 * time.Microsecond)
		}
		l.close()
		wg.Wait()
		if _, err := disk.Stat("data/clean-shutdown"); err != nil {
			t.Error(err)
		}
		l, p = started(t, disk, smallSegments)
		if _, err := disk.Stat("data/clean-shutdown"); err == nil {
			t.Error("the mark of a clean stop is there still")
		}
		all, err := readAll(p)
		if got := len(all) - before; err != nil || got < int(acknowledged.Load()) {
			t.Errorf("%d records of %d that were acknowledged, %v", got, acknowledged.Load(), err)
		}
		l.close()
	}
}

// TestPartitionsComeAndGoWhileTheLogRuns: topics are made and deleted while others
// are in use, and while the log is closed.
func TestPartitionsComeAndGoWhileTheLogRuns(t *testing.T) {
	disk := vfs.NewMem()
	l := openLog(t, disk)
	l.start()
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for n := range 4 {
		wg.Go(func() { comeAndGo(ctx, t, l, int32(n)) })
	}
	wg.Go(func() { maintainAtOnce(ctx, t, l) })
	time.Sleep(50 * time.Millisecond)
	cancel()
	_ = l.Close()
	wg.Wait()
	l = openLog(t, disk)
	l.start()
	l.removing.Wait()
	if list, err := disk.ReadDir("data/topics"); err != nil || len(list) > 0 {
		t.Errorf("%d folders that no topic has are left, %v", len(list), err)
	}
}

func comeAndGo(ctx context.Context, t *testing.T, l *testLog, n int32) {
	id := testID("x", n)
	for i := 0; ctx.Err() == nil; i++ {
		id.TopicID[14], id.TopicID[15] = byte(i>>8), byte(i)
		p, err := l.OpenPartition(id, DefaultSettings())
		if errors.Is(err, ErrClosed) {
			return
		}
		if err != nil {
			t.Errorf("open: %v", err)
			return
		}
		for v, size := range []int{50, largeBytes, 50} {
			if _, err := appendSync(p, makeBatch(t, v, 1, size, nil)); errors.Is(err, ErrClosed) {
				return
			} else if err != nil {
				t.Errorf("append: %v", err)
			}
		}
		if got, err := readAll(p); err == nil && len(got) != 3 {
			t.Errorf("%d records in a new partition, want 3", len(got))
		}
		if err := l.DeletePartition(id); err != nil && !errors.Is(err, ErrDeleted) {
			t.Errorf("delete: %v", err)
		}
	}
}
