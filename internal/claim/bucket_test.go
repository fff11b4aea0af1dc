package claim

import (
	"bytes"
	"errors"
	"maps"
	"net/http"
	"slices"
	"testing"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/bucket/buckettest"
)

// bucketDesk is a desk whose store is a bucket.
func bucketDesk(t *testing.T) (*Desk, *buckettest.Store) {
	s := buckettest.New(t)
	return &Desk{Store: NewBucket(s.Bucket(t)), Over: 4096, Base: "/"}, s
}

func TestWhatABucketHasDamagedIsRefusedAndTakenInAgain(t *testing.T) {
	d, s := bucketDesk(t)
	checked, err := d.CheckIn(t.Context(), large(1))
	if err != nil {
		t.Fatal(err)
	}
	good := s.Objects()
	key := slices.Collect(maps.Keys(good))[0]
	for name, damaged := range map[string][]byte{
		"another": bytes.Repeat([]byte{2}, 5000), "shorter": good[key][:4999], "empty": {}, "longer": make([]byte, 1<<20),
	} {
		s.Restore(map[string][]byte{key: damaged})
		if got, err := d.Redeem(t.Context(), checked); !errors.Is(err, event.ErrClaim) || got.Data != nil {
			t.Errorf("%s: %d bytes, %v", name, len(got.Data), err)
		}
		if _, err := d.CheckIn(t.Context(), large(1)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := d.Redeem(t.Context(), checked); err != nil {
			t.Errorf("%s: taken in once more, in the place of what was damaged: %v", name, err)
		}
	}
	s.Restore(nil)
	if _, err := d.Redeem(t.Context(), checked); !errors.Is(err, ErrNotFound) {
		t.Errorf("removed: %v", err)
	}
}

// Whatever goes wrong on the way, an event loses its data only to a bucket that has
// it, and can be taken in when the bucket is well again.
func TestABucketThatFailsTakesNoData(t *testing.T) {
	for _, fault := range []buckettest.Fault{
		buckettest.Busy, buckettest.Broken, buckettest.Refused, buckettest.Full, buckettest.Conflict,
		buckettest.Cut, buckettest.LostBefore, buckettest.LostAfter, buckettest.Late,
	} {
		for _, method := range []string{http.MethodGet, http.MethodPut} {
			d, s := bucketDesk(t)
			s.Fail(func(r *http.Request) buckettest.Fault {
				if r.Method == method {
					return fault
				}
				return buckettest.None
			})
			e, err := d.CheckIn(t.Context(), large(1))
			if (err == nil) != (e.Data == nil) {
				t.Errorf("fault %d of %s: %d bytes of data, %v", fault, method, len(e.Data), err)
			}
			if err == nil && len(s.Objects()) == 0 {
				t.Errorf("fault %d of %s: taken in, and not there", fault, method)
			}
			s.Fail(nil)
			checked, err := d.CheckIn(t.Context(), large(1))
			if err != nil {
				t.Fatalf("fault %d of %s: well again: %v", fault, method, err)
			}
			if _, err := d.Redeem(t.Context(), checked); err != nil {
				t.Errorf("fault %d of %s: %v", fault, method, err)
			}
		}
	}
}
