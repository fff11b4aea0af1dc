package lag

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/internal/log"
)

const (
	// DefaultTotal is how many bytes of all partitions may wait for the ledger.
	DefaultTotal = 512 << 20
	// tickEvery is how old a verdict may be that something is nearly as far behind
	// as it may be. What producers send in that time comes on top of what is allowed.
	tickEvery = 100 * time.Millisecond
	// longest is how long a producer waits at most before it is heard again.
	longest = time.Second
)

// ErrTooFar says that the ledger is further behind than is allowed.
var ErrTooFar = errors.New("the ledger is too far behind the log")

// Config says what is watched.
type Config struct {
	// Partitions are those of the log.
	Partitions func() []*log.Partition
	// Appended counts the bytes that were appended to any of them.
	Appended func() int64
	// Covered is up to which offset the ledger has a partition's records, if that
	// is known: a partition that is not followed yet does not count.
	Covered func(log.ID) (offset int64, known bool)
	// Limit is how many bytes of a partition may wait for the ledger.
	Limit func(log.ID) int64
	// Total is how many bytes of all partitions may. DefaultTotal if 0.
	Total int64
	// Metrics receives evident_ledger_lag_*, and what producers were told.
	Metrics prometheus.Registerer
}

// A Watch knows how far the ledger is behind. Run looks; all other methods may be
// called by any goroutine.
type Watch struct {
	cfg     Config
	metrics *metrics

	// Of Run.
	ticks    int   // so far
	next     int   // tick at which all are looked at again
	appended int64 // bytes, when all were looked at last
	headroom int64 // how many more may come before they have to be
	verdicts map[*log.Partition]*verdict

	slow atomic.Bool // some producers wait
	mu   struct {
		sync.Mutex
		total    amount
		worst    error              // why the node is not ready
		fullness map[log.ID]float64 // of partitions that are more than half of what is allowed behind
	}
}

// An amount is what waits for the ledger.
type amount struct{ records, bytes int64 }

// New makes a watch.
func New(cfg Config) (*Watch, error) {
	if cfg.Total == 0 {
		cfg.Total = DefaultTotal
	}
	w := &Watch{cfg: cfg, verdicts: map[*log.Partition]*verdict{}}
	var err error
	w.metrics, err = newMetrics(cfg.Metrics, w.amount)
	return w, err
}

// Run looks until ctx ends.
func (w *Watch) Run(ctx context.Context) {
	defer w.metrics.close()
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.tick()
		}
	}
}

// share is how much of what is allowed is used, from 0 for up to half of it to 1
// for all of it.
func share(bytes, limit int64) float64 {
	return math.Max(0, 2*float64(bytes)/float64(max(1, limit))-1)
}

func (w *Watch) amount() amount {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.total
}

// Err is why the ledger is further behind than is allowed; nil if it is not.
func (w *Watch) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.mu.worst
}

// Pace tells how long who appends to a partition has to wait before it is heard
// again. With an error, which is ErrTooFar, nothing may be appended now.
func (w *Watch) Pace(id log.ID) (wait time.Duration, err error) {
	if !w.slow.Load() {
		return 0, nil
	}
	if covered, known := w.cfg.Covered(id); known && covered == math.MaxInt64 {
		return 0, nil // it has no ledger
	}
	w.mu.Lock()
	used := max(w.mu.fullness[id], share(w.mu.total.bytes, w.cfg.Total))
	w.mu.Unlock()
	switch {
	case used >= 1:
		w.metrics.refused.Inc()
		return longest, fmt.Errorf("%w: try again later", ErrTooFar)
	case used > 0:
		w.metrics.throttled.Inc()
	}
	return time.Duration(used * float64(longest)), nil
}
