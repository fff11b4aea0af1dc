package once

import (
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/seen"
)

func newIndex(t *testing.T, limit int) *Index[int] {
	t.Helper()
	x, err := New[int](Config{Window: 24 * time.Hour, Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func number(n int) seen.ID { return Identity([16]byte{1}, "orders", "/source", strconv.Itoa(n)) }

// begin wants to be told something of an identity.
func begin(t *testing.T, x *Index[int], id seen.ID, want State, at Place) {
	t.Helper()
	if got, p, _ := x.Begin(id, 1); got != want || p != at {
		t.Fatalf("it is %v at %v, want %v at %v", got, p, want, at)
	}
}

func TestAnEventIsWrittenByOneAndThenKnown(t *testing.T) {
	x, at := newIndex(t, 1000), Place{3, 1 << 40}
	begin(t, x, number(1), Unknown, Place{})
	if got, _, other := x.Begin(number(1), 2); got != Writing || other != 1 {
		t.Errorf("while 1 writes it is %v by %v", got, other)
	}
	x.Done(number(1), at)
	begin(t, x, number(1), Known, at)
	begin(t, x, number(2), Unknown, Place{})
	x.Failed(number(2))
	begin(t, x, number(2), Unknown, Place{})
}

func TestWhatIsReadWhileItIsWrittenIsKnownOnce(t *testing.T) {
	x, at := newIndex(t, 1000), Place{0, 7}
	begin(t, x, number(1), Unknown, Place{})
	x.Learn(number(1), 0, at) // the write has come to the log, and its answer not yet here
	x.Done(number(1), at)
	begin(t, x, number(1), Known, at)
	if x.Len() != 1 {
		t.Errorf("%d are known, want 1", x.Len())
	}
}

func TestWhatIsReadWhileItsWriterFailsIsKnown(t *testing.T) {
	x, at := newIndex(t, 1000), Place{0, 7}
	begin(t, x, number(1), Unknown, Place{})
	x.Learn(number(1), 0, at)
	x.Learn(number(1), 0, Place{0, 8}) // the first counts
	x.Failed(number(1))
	begin(t, x, number(1), Known, at)
	begin(t, x, number(2), Unknown, Place{})
	x.Learn(number(2), 0, at)
	x.Done(number(2), Place{0, 9})
	x.Failed(number(2)) // and nothing is left of what was learnt
	begin(t, x, number(2), Known, Place{0, 9})
}

func TestOneOfManyWritesAnEvent(t *testing.T) {
	x := newIndex(t, 1<<20)
	var writers atomic.Int64
	var all sync.WaitGroup
	const ids, askers = 200, 16
	for range askers {
		all.Go(func() {
			for n := range ids {
				if s, _, _ := x.Begin(number(n), 0); s == Unknown {
					writers.Add(1)
					x.Done(number(n), Place{0, int64(n)})
				}
			}
		})
	}
	all.Wait()
	if writers.Load() != ids || x.Len() != ids {
		t.Errorf("%d were written, and %d are known, of %d", writers.Load(), x.Len(), ids)
	}
}

func TestAnEventIsForgottenAfterTheWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, at := newIndex(t, 1000), Place{0, 7}
		begin(t, x, number(1), Unknown, Place{})
		x.Done(number(1), at)
		time.Sleep(24*time.Hour - time.Millisecond)
		begin(t, x, number(1), Known, at)
		time.Sleep(time.Millisecond)
		begin(t, x, number(1), Unknown, Place{})
		if x.Early() != 0 {
			t.Errorf("%d went early", x.Early())
		}
	})
}

func TestWhatWasLearntIsAsOldAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, at := newIndex(t, 1000), Place{0, 7}
		x.Learn(number(1), 23*time.Hour, at)
		x.Learn(number(1), 22*time.Hour, Place{0, 8}) // a second one in the log
		x.Learn(number(2), 24*time.Hour, at)
		x.Learn(number(3), -time.Hour, at) // by a clock that is ahead
		begin(t, x, number(1), Known, at)
		begin(t, x, number(2), Unknown, Place{})
		begin(t, x, number(3), Known, at)
	})
}

func TestTheOldestGoWhenThereAreTooMany(t *testing.T) {
	const limit = 1600
	x := newIndex(t, limit)
	for n := range 4 * limit {
		begin(t, x, number(n), Unknown, Place{})
		x.Done(number(n), Place{0, int64(n)})
	}
	if x.Len() > limit || x.Early() != int64(4*limit-x.Len()) {
		t.Errorf("%d are known and %d went early, of %d", x.Len(), x.Early(), 4*limit)
	}
	begin(t, x, number(4*limit-1), Known, Place{0, 4*limit - 1})
	begin(t, x, number(0), Unknown, Place{})
}

func TestIdentitiesOfTwoEventsDiffer(t *testing.T) {
	all := map[seen.ID]string{}
	for _, e := range [][4]string{
		{"a", "o", "b", "c"}, {"a", "o", "bc", ""}, {"a", "o", "", "bc"}, {"b", "o", "b", "c"}, {"a", "o", "b", "d"},
		{"", "o", "b", "c"}, {"", "ob", "", "c"}, {"", "p", "b", "c"}, // without ids of topics
	} {
		var topic [16]byte
		copy(topic[:], e[0])
		id := Identity(topic, e[1], e[2], e[3])
		if other, again := all[id]; again {
			t.Errorf("%q and %q are one", e, other)
		}
		all[id] = strings.Join(e[1:], ",")
	}
}
