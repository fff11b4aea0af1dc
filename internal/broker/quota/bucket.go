package quota

import "time"

// bucket is a token bucket that fills with the limit a second and holds what all
// windows allow (KIP-599). Taking may leave it below zero.
type bucket struct {
	tokens  float64
	updated time.Time
	limit   float64
}

func newBucket(w windows, limit float64, now time.Time) *bucket {
	return &bucket{tokens: limit * w.kept().Seconds(), updated: now, limit: limit}
}

// refill brings the bucket up to date.
func (b *bucket) refill(w windows, limit float64, now time.Time) {
	b.tokens = min(limit*w.kept().Seconds(), b.tokens+limit*now.Sub(b.updated).Seconds())
	b.updated, b.limit = now, limit
}

// debt is how long it takes to come back to zero, or 0.
func (b *bucket) debt() time.Duration { return seconds(-b.tokens / b.limit) }

// idle tells if a new bucket would be the same.
func (b *bucket) idle(w windows, now time.Time) bool {
	return b.tokens+b.limit*now.Sub(b.updated).Seconds() >= b.limit*w.kept().Seconds()
}
