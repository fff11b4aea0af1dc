package bucket

import (
	"net/http"
	"sync"
	"time"

	"github.com/minio/minio-go/v7"
)

// A clock is the store's, as the Date header of its newest answer has it. It goes
// on by this machine's monotonic clock, which nobody sets.
type clock struct {
	next http.RoundTripper // to the store

	mu struct {
		sync.Mutex
		date           time.Time // of whole seconds, cut off; zero if none was told
		sent, received time.Time
	}
}

func newClock(cfg Config) (*clock, error) {
	if cfg.Transport != nil {
		return &clock{next: cfg.Transport}, nil
	}
	next, err := minio.DefaultTransport(cfg.secure())
	return &clock{next: next}, err
}

// RoundTrip implements [http.RoundTripper].
func (c *clock) RoundTrip(r *http.Request) (*http.Response, error) {
	sent := time.Now()
	resp, err := c.next.RoundTrip(r)
	if err != nil {
		return resp, err
	}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		c.mu.Lock()
		c.mu.date, c.mu.sent, c.mu.received = date, sent, time.Now()
		c.mu.Unlock()
	}
	return resp, nil
}

// Time returns between which times the store's clock is now, as far as its newest
// answer tells: how long that was under way is not known to be on either side.
// known is false for a store that has told no time.
func (b *Bucket) Time() (earliest, latest time.Time, known bool) {
	c := b.clock
	c.mu.Lock()
	defer c.mu.Unlock()
	earliest = c.mu.date.Add(time.Since(c.mu.received))
	latest = c.mu.date.Add(time.Since(c.mu.sent) + time.Second)
	return earliest, latest, !c.mu.date.IsZero()
}
