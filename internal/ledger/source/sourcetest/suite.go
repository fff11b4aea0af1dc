package sourcetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/evidentlog/evident/internal/ledger/source"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/log/batch"
)

const (
	// soon is a wait in which something comes, and never one in which nothing may.
	soon = time.Minute
	// brief is a wait that ends by itself.
	brief = 20 * time.Millisecond
)

// SameName is the test that a reader fails that knows topics by their names only.
const SameName = "a topic of the same name is not read for another"

// Run runs the tests, but for some. open makes a reader of what a world's broker
// leads.
func Run(t *testing.T, open func(*World) source.Reader, but ...string) {
	for name, test := range map[string]func(*reading){
		"all that is durable is read in order":            readsAll,
		"control records and aborted ones are read":       readsAborted,
		"nothing above the high watermark is read":        readsDurableOnly,
		"a read begins in the middle of a batch":          readsFromTheMiddle,
		"a read that waits is woken":                      isWoken,
		"a read that waits ends with its context":         endsWithContext,
		"a busy partition keeps no other waiting":         isFair,
		"an offset that is not there is told of":          tellsOfOffsets,
		"a log start that rises is told of":               tellsOfLogStart,
		SameName:                                          tellsTopicsApart,
		"what is forgotten is not read until wanted":      forgets,
		"what take leaves alone is not read until wanted": leavesAlone,
		"a partition goes on where it is told to":         goesOnElsewhere,
		"a log start beyond the last record is told of":   tellsOfLogStartBeyond,
		"partitions come and go":                          comeAndGo,
		"appends go on while take works":                  letsAppend,
	} {
		if slices.Contains(but, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			w := NewWorld(t)
			r := &reading{World: w, reader: open(w), got: map[source.Key][]string{}, starts: map[source.Key]int64{}, errs: map[source.Key]error{}}
			defer r.reader.Close()
			test(r)
		})
	}
}

// A reading is a reader with what it gave.
type reading struct {
	*World
	reader source.Reader
	got    map[source.Key][]string // values, "lost" for a gap, "control" for a marker
	starts map[source.Key]int64
	errs   map[source.Key]error
	most   int                                      // batches that one answer gives; all if 0
	steer  func(source.Answer, int64) (int64, bool) // where to go on, if it is not where it would
}

// read reads once.
func (r *reading) read(ctx context.Context, patience time.Duration) {
	r.t.Helper()
	r.ok(r.reader.Read(ctx, patience, r.take))
}

// until reads until something is so.
func (r *reading) until(what string, so func() bool) {
	r.t.Helper()
	for end := time.Now().Add(time.Minute); !so(); {
		if time.Now().After(end) {
			r.t.Fatalf("never: %s; read %v, errors %v", what, r.got, r.errs)
		}
		r.read(r.t.Context(), 100*time.Millisecond)
	}
}

func (r *reading) take(a source.Answer) (next int64, goOn bool) {
	r.errs[a.Key] = a.Err
	if a.Err == nil {
		r.starts[a.Key] = a.LogStart
	}
	next = int64(len(r.got[a.Key]))
	n := 0
	for b := a.Batches; len(b) > 0 && (r.most == 0 || n < r.most); n++ {
		first, rest, err := batch.Next(b)
		if errors.Is(err, batch.ErrShort) {
			break
		}
		r.ok(err)
		if first.NextOffset() > a.HighWatermark {
			r.t.Errorf("%v: a batch up to %d, and a high watermark of %d", a.Key, first.NextOffset(), a.HighWatermark)
		}
		next, b = r.note(a.Key, first), rest
	}
	if r.steer != nil {
		return r.steer(a, next)
	}
	return next, a.Err == nil
}

// note takes down a batch, and returns the offset after it.
func (r *reading) note(k source.Key, b batch.Batch) int64 {
	r.ok(b.Check())
	var codecs batch.Codecs
	for record, err := range codecs.Records(b) {
		r.ok(err)
		switch at := int64(len(r.got[k])); {
		case record.Offset < at:
		case b.Attributes().Control():
			r.got[k] = append(r.got[k], "control")
		default:
			for range record.Offset - at {
				r.got[k] = append(r.got[k], "lost")
			}
			r.got[k] = append(r.got[k], string(record.Value))
		}
	}
	return b.NextOffset()
}

// has tells whether a partition's values are these, and no others.
func (r *reading) has(p source.Partition, want ...string) func() bool {
	return func() bool { return slices.Equal(r.got[p.Key], want) }
}

func (r *reading) want(p source.Partition, offset int64) source.Partition {
	r.reader.Want(p, offset)
	return p
}

func readsAll(r *reading) {
	a, b := r.Create("a", 2), r.Create("b", 1)
	r.Append("a", 0, "1", "2")
	r.Append("a", 0, "3")
	r.Append("b", 0, "4")
	a0, a1, b0 := r.want(partition("a", a, 0), 0), r.want(partition("a", a, 1), 0), r.want(partition("b", b, 0), 0)
	r.until("all are read", func() bool { return r.has(a0, "1", "2", "3")() && r.has(b0, "4")() })
	var want []string
	for i := range 100 {
		want = append(want, fmt.Sprint(i))
		r.Append("a", 1, want[i])
		if i%10 == 0 {
			r.read(r.t.Context(), brief)
		}
	}
	r.until("all of the other are read", r.has(a1, want...))
	r.until("nothing twice", func() bool { return r.has(a0, "1", "2", "3")() && r.has(b0, "4")() })
}

func readsAborted(r *reading) {
	a := r.want(partition("a", r.Create("a", 1), 0), 0)
	r.append("a", 0, batch.Head{Transactional: true, Producer: &batch.Producer{ID: 7}}, "1", "2")
	r.until("records of an open transaction", r.has(a, "1", "2"))
	done := make(chan error, 1)
	r.ok(r.Log.Partition("a", 0).AppendMarker(log.Marker{ProducerID: 7}, func(err error) { done <- err }))
	r.ok(<-done)
	r.Append("a", 0, "3")
	r.until("the marker", r.has(a, "1", "2", "control", "3"))
}

func readsDurableOnly(r *reading) {
	a := r.want(partition("a", r.Create("a", 1), 0), 0)
	r.Append("a", 0, "1")
	r.until("what is durable", r.has(a, "1"))
	release := r.hold()
	done := r.begin("a", 0, batch.Head{}, "2")
	for range 3 {
		r.read(r.t.Context(), brief)
	}
	if !r.has(a, "1")() {
		r.t.Errorf("read %q of what is not durable", r.got[a.Key])
	}
	release()
	r.ok(<-done)
	r.until("what has become durable", r.has(a, "1", "2"))
}

func readsFromTheMiddle(r *reading) {
	a := partition("a", r.Create("a", 1), 0)
	r.Append("a", 0, "1", "2", "3")
	r.got[a.Key] = []string{"1", "2"}
	r.want(a, 2)
	r.until("the rest", r.has(a, "1", "2", "3"))
}

func isWoken(r *reading) {
	a := r.want(partition("a", r.Create("a", 1), 0), 0)
	r.read(r.t.Context(), brief)
	for _, want := range []string{"1", "2"} {
		read := make(chan struct{})
		go func() {
			defer close(read)
			for !slices.Contains(r.got[a.Key], want) {
				if r.reader.Read(r.t.Context(), 10*soon, r.take) != nil {
					return
				}
			}
		}()
		r.Append("a", 0, want)
		r.Append("a", 0, strings.Repeat("x", 300<<10)) // more than a fetch waits for
		select {
		case <-read:
		case <-time.After(soon):
			r.t.Fatalf("it sleeps; read %d records", len(r.got[a.Key]))
		}
	}
}

func endsWithContext(r *reading) {
	a := r.want(partition("a", r.Create("a", 1), 0), 0)
	r.read(r.t.Context(), brief)
	ctx, cancel := context.WithCancel(r.t.Context())
	ended := make(chan error)
	go func() { ended <- r.reader.Read(ctx, 10*soon, r.take) }()
	cancel()
	select {
	case err := <-ended:
		r.ok(err)
	case <-time.After(soon):
		r.t.Fatal("it goes on")
	}
	r.Append("a", 0, "1")
	r.until("another read goes on", r.has(a, "1"))
}

func isFair(r *reading) {
	id := r.Create("a", 3)
	for range 12 {
		for p := range int32(2) {
			r.Append("a", p, strings.Repeat("x", 900<<10))
		}
	}
	r.Append("a", 2, "1")
	var all []source.Partition
	for p := range int32(3) {
		all = append(all, r.want(partition("a", id, p), 0))
	}
	r.until("the small one is read", r.has(all[2], "1"))
	if len(r.got[all[0].Key]) == 12 || len(r.got[all[1].Key]) == 12 {
		r.t.Errorf("before it, %d and %d of 12 records of the others were read", len(r.got[all[0].Key]), len(r.got[all[1].Key]))
	}
	r.until("all are read", func() bool { return len(r.got[all[0].Key]) == 12 && len(r.got[all[1].Key]) == 12 })
}

func tellsOfOffsets(r *reading) {
	id := r.Create("a", 1)
	a := partition("a", id, 0)
	r.Append("a", 0, "1")
	r.Append("a", 0, "2")
	r.want(a, 3)
	outside := func() bool { return errors.Is(r.errs[a.Key], kerr.OffsetOutOfRange) }
	r.until("it is beyond the end", outside)
	r.removeBefore("a", 1)
	r.errs[a.Key] = nil
	r.want(a, 0)
	r.until("it is before the start", outside)
	r.steer = func(source.Answer, int64) (int64, bool) { r.steer = nil; return 1, true } // as the next error is answered
	r.got[a.Key] = []string{"lost"}
	r.want(a, 0)
	r.until("it goes on from where it is told to", r.has(a, "lost", "2"))
}

func tellsOfLogStart(r *reading) {
	a := r.want(partition("a", r.Create("a", 1), 0), 0)
	r.Append("a", 0, "1", "2")
	r.Append("a", 0, "3")
	r.until("all are read", r.has(a, "1", "2", "3"))
	r.removeBefore("a", 2)
	r.until("the new start is told", func() bool { return r.starts[a.Key] == 2 })
}

// tellsOfLogStartBeyond when all records went before they were read: none follow that
// would tell.
func tellsOfLogStartBeyond(r *reading) {
	a := partition("a", r.Create("a", 1), 0)
	r.Append("a", 0, "1", "2")
	r.removeBefore("a", 2)
	r.steer = func(answer source.Answer, next int64) (int64, bool) {
		if answer.Err != nil {
			next = 2
			r.got[a.Key] = []string{"lost", "lost"}
		}
		return next, true
	}
	r.want(a, 0)
	r.until("the start is told", func() bool { return r.starts[a.Key] == 2 })
}

func tellsTopicsApart(r *reading) {
	old := r.want(partition("a", r.Create("a", 1), 0), 0)
	r.Append("a", 0, "1")
	r.until("it is read", r.has(old, "1"))
	r.delete("a")
	gone := func() bool { return kerr.IsRetriable(r.errs[old.Key]) }
	r.until("it is gone", gone)
	now := r.want(partition("a", r.Create("a", 1), 0), 0)
	r.Append("a", 0, "2")
	r.Append("a", 0, "3")
	r.errs[old.Key] = nil
	r.want(old, 1)
	r.until("the new one is read, the old one is gone", func() bool { return r.has(now, "2", "3")() && gone() })
	if !r.has(old, "1")() {
		r.t.Errorf("of the old topic there is %q", r.got[old.Key])
	}
}

func forgets(r *reading) {
	id := r.Create("a", 2)
	a, b := r.want(partition("a", id, 0), 0), r.want(partition("a", id, 1), 0)
	r.Append("a", 0, "1")
	r.until("it is read", r.has(a, "1"))
	r.reader.Forget(a.Key)
	r.reader.Forget(a.Key)
	r.Append("a", 0, "2")
	r.Append("a", 1, "3")
	r.until("the other is read", r.has(b, "3"))
	r.read(r.t.Context(), brief)
	if !r.has(a, "1")() {
		r.t.Errorf("read %q", r.got[a.Key])
	}
	r.want(a, 1)
	r.until("it is read again", r.has(a, "1", "2"))
}

func leavesAlone(r *reading) {
	a := r.want(partition("a", r.Create("a", 1), 0), 0)
	calls := 0
	r.steer = func(_ source.Answer, next int64) (int64, bool) { calls++; return next, false }
	r.Append("a", 0, "1")
	r.until("it is told of", func() bool { return calls > 0 })
	r.Append("a", 0, "2")
	before := calls
	for range 3 {
		r.read(r.t.Context(), brief)
	}
	if calls != before {
		r.t.Errorf("it is told of %d times more", calls-before)
	}
	r.steer = nil
	r.want(a, int64(len(r.got[a.Key])))
	r.until("it is read again", r.has(a, "1", "2"))
}

// goesOnElsewhere as when a log turns out to be another one.
func goesOnElsewhere(r *reading) {
	a := partition("a", r.Create("a", 1), 0)
	for _, v := range []string{"1", "2", "3"} {
		r.Append("a", 0, v)
	}
	r.most = 1
	r.steer = func(_ source.Answer, next int64) (int64, bool) {
		if next < 2 {
			return next, true
		}
		r.steer, r.got[a.Key] = nil, nil
		return 0, true
	}
	r.want(a, 0)
	r.until("all are read from the start", func() bool { return r.steer == nil && r.has(a, "1", "2", "3")() })
}

func comeAndGo(r *reading) {
	id := r.Create("a", 50)
	var all []source.Partition
	for p := range int32(50) {
		all = append(all, partition("a", id, p))
	}
	for round := range 6 {
		for i, p := range all {
			if (i+round)%3 == 0 {
				r.reader.Forget(p.Key)
			} else {
				r.want(p, int64(len(r.got[p.Key])))
			}
			r.Append("a", p.Number, fmt.Sprint(round))
		}
		r.read(r.t.Context(), brief)
	}
	for _, p := range all {
		r.want(p, int64(len(r.got[p.Key])))
	}
	for _, p := range all {
		r.until(fmt.Sprintf("all of partition %d are read", p.Number), r.has(p, "0", "1", "2", "3", "4", "5"))
	}
}

func letsAppend(r *reading) {
	a := r.want(partition("a", r.Create("a", 1), 0), 0)
	r.Append("a", 0, "1")
	r.steer = func(_ source.Answer, next int64) (int64, bool) {
		if next == 1 {
			r.steer = nil
			r.Append("a", 0, "2")
			r.removeBefore("a", 1)
		}
		return next, true
	}
	r.until("what was appended meanwhile", r.has(a, "1", "2"))
}
