package bench

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestQuantileIsWithinOnePart64OfTheSample(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var h Histogram
	var all []time.Duration
	for range 20_000 {
		d := time.Duration(rng.ExpFloat64() * float64(time.Millisecond))
		h.Record(d)
		all = append(all, d)
	}
	slices.Sort(all)
	for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 0.999} {
		exact := all[int(q*float64(len(all))+0.5)-1]
		got := h.quantile(q)
		if got < exact || float64(got) > float64(exact)*(1+1.0/subBuckets)+1 {
			t.Errorf("quantile %v: got %v, sample has %v", q, got, exact)
		}
	}
	if h.quantile(1) != all[len(all)-1] {
		t.Errorf("quantile 1: got %v, largest is %v", h.quantile(1), all[len(all)-1])
	}
}

func TestEveryValueLiesInItsBucketAndNoneBefore(t *testing.T) {
	for _, v := range []uint64{0, 1, 63, 64, 127, 128, 129, 255, 256, 1 << 20, 1<<20 + 12345, 1<<63 - 1, 1<<64 - 1} {
		i := bucket(v)
		if upper(i) < v || i > 0 && upper(i-1) >= v {
			t.Errorf("value %d: bucket %d ends at %d, the one before at %d", v, i, upper(i), upper(max(i-1, 0)))
		}
	}
}

func TestEmptyHistogramIsZero(t *testing.T) {
	var h Histogram
	if h.Latency() != (Latency{}) {
		t.Errorf("got %+v", h.Latency())
	}
}
