package bench

import (
	"sync/atomic"
	"time"
)

// progressInterval is how often progress is told.
const progressInterval = 200 * time.Millisecond

// Progress tells how far a run has come.
type Progress struct {
	Phase   string        // what goes on: "broker", "discard", or "fill" before consuming
	Round   int           // from 1
	Rounds  int           // how many there will be
	Records int64         // records so far in this phase
	Bytes   int64         // bytes of values so far in this phase
	Elapsed time.Duration // since the phase began
}

// watchProgress tells fn of the counts every now and then until the function
// it returns is called; that waits for fn's last call.
func watchProgress(fn func(Progress), p Progress, counts func() (records, bytes int64)) (stop func()) {
	if fn == nil {
		return func() {}
	}
	start, quit, done := time.Now(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(progressInterval)
		defer tick.Stop()
		for {
			p.Elapsed = time.Since(start)
			p.Records, p.Bytes = counts()
			fn(p)
			select {
			case <-quit:
				return
			case <-tick.C:
			}
		}
	}()
	return func() {
		close(quit)
		<-done
	}
}

// counter counts records and their bytes for somebody who looks on.
type counter struct{ records, bytes atomic.Int64 }

func (c *counter) add(records, bytes int64) {
	c.records.Add(records)
	c.bytes.Add(bytes)
}

func (c *counter) load() (records, bytes int64) { return c.records.Load(), c.bytes.Load() }
