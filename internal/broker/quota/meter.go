package quota

import (
	"hash/maphash"
	"maps"
	"math"
	"sync"
	"time"
)

// sweepFrom is how many accounts there are before idle ones are looked for.
const sweepFrom = 1000

// Config configures a [Meter]. All fields are required.
type Config struct {
	// Table is the limits now.
	Table func() *Table
	// Windows is how many windows are kept (quota.window.num), 2 or more.
	Windows int
	// Window is how long each is (quota.window.size.seconds).
	Window time.Duration
}

// Meter adds up what clients use and tells how long they have to wait. Its methods
// may be called concurrently. The time must not go back.
type Meter struct {
	cfg     Config
	windows windows
	seed    maphash.Seed
	mu      struct {
		sync.Mutex
		rates   map[uint64]*rate // by hash of the account
		buckets map[uint64]*bucket
		sweepAt int // accounts
	}
}

// NewMeter makes a meter.
func NewMeter(cfg Config) *Meter {
	m := &Meter{cfg: cfg, windows: windows{cfg.Windows, cfg.Window}, seed: maphash.MakeSeed()}
	m.mu.rates, m.mu.buckets = make(map[uint64]*rate), make(map[uint64]*bucket)
	m.mu.sweepAt = sweepFrom
	return m
}

// Limits tells if anybody has a limit of that kind.
func (m *Meter) Limits(l Limit) bool {
	t := m.cfg.Table()
	return t != nil && t.byLimit[l] != nil
}

// Use counts what the client has used and returns how long it has to wait.
func (m *Meter) Use(l Limit, c Client, amount float64, now time.Time) time.Duration {
	limit, a, ok := m.cfg.Table().find(l, c)
	if !ok {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rate(a, now)
	r.add(m.windows, amount, now)
	return r.excess(m.windows, limit, now)
}

// Try counts what the client wants to use, unless it would have to wait for it,
// which it returns. What is more than all windows allow is counted if nothing else
// was: it would have to wait for ever.
func (m *Meter) Try(l Limit, c Client, amount float64, now time.Time) (wait time.Duration, ok bool) {
	limit, a, limited := m.cfg.Table().find(l, c)
	if !limited {
		return 0, true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.rate(a, now)
	before, _ := r.measure(m.windows, now)
	r.add(m.windows, amount, now)
	wait = r.excess(m.windows, limit, now)
	if wait > 0 && before > 0 {
		r.add(m.windows, -amount, now)
		return wait, false
	}
	return wait, true
}

// Most is how much the client can use at once without having to wait, if it used
// nothing before.
func (m *Meter) Most(l Limit, c Client) float64 {
	limit, _, ok := m.cfg.Table().find(l, c)
	if !ok {
		return math.Inf(1)
	}
	return limit * (m.windows.kept() - m.windows.size).Seconds()
}

// Take takes from the client's bucket. If strict that is refused while the bucket
// is below zero. It returns how long the client has to wait until it is not.
func (m *Meter) Take(l Limit, c Client, amount float64, strict bool, now time.Time) (wait time.Duration, ok bool) {
	limit, a, limited := m.cfg.Table().find(l, c)
	if !limited {
		return 0, true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	b := m.bucket(a, limit, now)
	b.refill(m.windows, limit, now)
	if strict {
		if wait = b.debt(); wait > 0 {
			return wait, false
		}
		b.tokens -= amount
		return 0, true
	}
	b.tokens -= amount
	return b.debt(), true
}

// key is what an account is remembered by. Clients choose their ids, which may be
// long; two accounts of one hash share their use, which does no harm.
func (m *Meter) key(a account) uint64 { return maphash.Comparable(m.seed, a) }

// rate returns the account's, a new one if need be. The lock is held.
func (m *Meter) rate(a account, now time.Time) *rate {
	key := m.key(a)
	r := m.mu.rates[key]
	if r == nil {
		m.sweep(now)
		r = new(rate)
		m.mu.rates[key] = r
	}
	return r
}

func (m *Meter) bucket(a account, limit float64, now time.Time) *bucket {
	key := m.key(a)
	b := m.mu.buckets[key]
	if b == nil {
		m.sweep(now)
		b = newBucket(m.windows, limit, now)
		m.mu.buckets[key] = b
	}
	return b
}

// sweep drops what is as good as new, when there are twice as many accounts as
// after the last time. The lock is held.
func (m *Meter) sweep(now time.Time) {
	if len(m.mu.rates)+len(m.mu.buckets) < m.mu.sweepAt {
		return
	}
	maps.DeleteFunc(m.mu.rates, func(_ uint64, r *rate) bool { return r.idle(m.windows, now) })
	maps.DeleteFunc(m.mu.buckets, func(_ uint64, b *bucket) bool { return b.idle(m.windows, now) })
	m.mu.sweepAt = max(sweepFrom, 2*(len(m.mu.rates)+len(m.mu.buckets)))
}
