package bench

import (
	"math/bits"
	"time"
)

// subBuckets is how finely a histogram divides each power of two: a value is
// known to within 1/64, 1.6 %.
const (
	subBits    = 6
	subBuckets = 1 << subBits
	buckets    = (64 - subBits) * subBuckets
)

// A Histogram counts durations in buckets whose width grows with the value, so
// that a microsecond and a minute are told with the same relative precision in
// 30 KiB. The zero value is empty. It belongs to one goroutine.
type Histogram struct {
	counts [buckets + subBuckets]int64
	n      int64
	max    time.Duration
}

// Record adds one duration; a negative one counts as zero.
func (h *Histogram) Record(d time.Duration) {
	d = max(d, 0)
	h.counts[bucket(uint64(d))]++
	h.n++
	h.max = max(h.max, d)
}

// add adds all that o holds.
func (h *Histogram) add(o *Histogram) {
	for i, c := range o.counts {
		h.counts[i] += c
	}
	h.n += o.n
	h.max = max(h.max, o.max)
}

// bucket is the index of the bucket that holds v. Values below 2*subBuckets
// have a bucket each; above, the leading subBits+1 bits choose it.
func bucket(v uint64) int {
	shift := max(bits.Len64(v)-subBits-1, 0)
	return shift*subBuckets + int(v>>shift)
}

// upper is the largest value that falls into bucket i.
func upper(i int) uint64 {
	shift := max(i/subBuckets-1, 0)
	return (uint64(i-shift*subBuckets)+1)<<shift - 1
}

// quantile is the duration that the share q (0 to 1) of all recorded ones does
// not exceed, rounded up by at most 1.6 % and never above the largest one.
func (h *Histogram) quantile(q float64) time.Duration {
	rank := int64(q*float64(h.n) + 0.5)
	var seen int64
	for i, c := range h.counts {
		seen += c
		if c > 0 && seen >= rank {
			return min(time.Duration(upper(i)), h.max)
		}
	}
	return h.max
}

// Latency are the quantiles of a set of durations, in milliseconds.
type Latency struct {
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	P999  float64 `json:"p99_9_ms"`
	Max   float64 `json:"max_ms"`
	Count int64   `json:"count"`
}

// Latency are the quantiles of what was recorded.
func (h *Histogram) Latency() Latency {
	return Latency{
		P50: milliseconds(h.quantile(0.5)), P90: milliseconds(h.quantile(0.9)),
		P99: milliseconds(h.quantile(0.99)), P999: milliseconds(h.quantile(0.999)),
		Max: milliseconds(h.max), Count: h.n,
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
