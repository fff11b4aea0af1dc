package dedup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"github.com/evidentlog/evident/internal/process"
)

// fakeStep is a step whose stores are maps, and that can be told to fail.
type fakeStep struct {
	process.Step
	now     time.Time
	stores  map[string]map[string]string
	emitted []string
	fail    error // of Emit
}

func newFakeStep() *fakeStep {
	return &fakeStep{now: time.UnixMilli(1 << 41), stores: map[string]map[string]string{idsStore: {}, tailStore: {}}}
}

func (s *fakeStep) Context() context.Context        { return context.Background() }
func (s *fakeStep) Now() time.Time                  { return s.now }
func (s *fakeStep) Store(name string) process.Store { return fakeStore(s.stores[name]) }
func (s *fakeStep) Emit(o process.Output) error {
	if s.fail != nil {
		return s.fail
	}
	s.emitted = append(s.emitted, string(o.Value))
	return nil
}

// fork is a step that sees what s has, and changes nothing of it.
func (s *fakeStep) fork() *fakeStep {
	f := *s
	f.stores = map[string]map[string]string{}
	for name, store := range s.stores {
		f.stores[name] = maps.Clone(store)
	}
	f.emitted = slices.Clone(s.emitted)
	return &f
}

type fakeStore map[string]string

func (s fakeStore) Get(key []byte) ([]byte, bool, error) {
	v, ok := s[string(key)]
	return []byte(v), ok, nil
}
func (s fakeStore) Put(key, value []byte) error                   { s[string(key)] = string(value); return nil }
func (s fakeStore) PutUntil(key, value []byte, _ time.Time) error { return s.Put(key, value) }
func (s fakeStore) Delete(key []byte) error                       { delete(s, string(key)); return nil }
func (s fakeStore) Range(from, to []byte) iter.Seq2[process.Entry, error] {
	return func(yield func(process.Entry, error) bool) {
		for _, k := range slices.Sorted(maps.Keys(s)) {
			key := []byte(k)
			if bytes.Compare(key, from) < 0 || to != nil && bytes.Compare(key, to) >= 0 {
				continue
			}
			if !yield(process.Entry{Key: key, Value: []byte(s[k])}, nil) {
				return
			}
		}
	}
}

// seenID is an id as the model has it: all that were ever let by.
type seenID struct {
	id string
	at int64
}

type model struct {
	window int64
	limit  int
	passed []seenID
}

// passes tells whether a record is let by.
func (m *model) passes(id string, at int64) bool {
	if n := len(m.passed); n > 0 {
		at = max(at, m.passed[n-1].at)
	}
	for _, p := range m.passed[max(0, len(m.passed)-m.limit):] {
		if p.id == id && at-p.at < m.window {
			return false
		}
	}
	m.passed = append(m.passed, seenID{id, at})
	return true
}

// made is the code for a task with so many others.
func made(t testing.TB, cfg Config, partitions int32) *handler {
	t.Helper()
	cfg.Name, cfg.Version, cfg.Input, cfg.Output = "once", 1, "in", "out"
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p.New(process.Task{Partitions: partitions}).(*handler)
}

func key(t testing.TB, text string) Key {
	t.Helper()
	k, err := ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// What is let by is what the model lets by: ids repeat, come late, with times ahead of
// the clock, at the edges of the window; clocks go back; steps are committed or aborted,
// calls fail, and the code is made anew.
func TestDeduplicationIsLikeItsModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		window := rapid.Int64Range(1, 300).Draw(rt, "window")
		limit := rapid.SampledFrom([]int{1, 3, 63, 64, 65, 150, 1000}).Draw(rt, "limit")
		m := &model{window: window, limit: limit}
		cfg := Config{Key: key(t, "key"), Window: time.Duration(window) * time.Millisecond, Limit: int64(limit)}
		h := made(t, cfg, 1)
		committed, at := newFakeStep(), int64(1<<40)
		committed.now = time.UnixMilli(at)
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			s, before := committed.fork(), slices.Clone(m.passed)
			for range rapid.IntRange(0, 120).Draw(rt, "records") {
				at += rapid.SampledFrom([]int64{0, 0, 1, 1, 2, window - 1, window, -3}).Draw(rt, "time")
				s.now = s.now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 3, -2, 100}).Draw(rt, "clock")) * time.Millisecond)
				id := fmt.Sprint(rapid.IntRange(0, 150).Draw(rt, "id"))
				doOne(rt, h, s, m, id, at)
			}
			switch rapid.SampledFrom([]string{"commit", "commit", "abort"}).Draw(rt, "end") {
			case "commit":
				committed = s
			case "abort":
				m.passed = before
			}
			if rapid.IntRange(0, 9).Draw(rt, "restart") == 0 {
				h = made(t, cfg, 1)
				if err := h.Open(committed.fork()); err != nil {
					rt.Fatal(err)
				}
			}
			if blocks, most := len(committed.stores[idsStore]), limit/blockLen+2; blocks > most {
				rt.Fatalf("%d blocks are kept of %d ids: at most %d are needed", blocks, limit, most)
			}
		}
	})
}

func doOne(t *rapid.T, h *handler, s *fakeStep, m *model, id string, at int64) {
	r := &kgo.Record{Key: []byte(id), Value: []byte(id), Timestamp: time.UnixMilli(at)}
	if rapid.IntRange(0, 30).Draw(t, "fails") == 0 {
		s.fail = errors.New("too large")
		_ = h.Handle(s, r) // it fails, or drops the record
		s.fail = nil
	}
	before := len(s.emitted)
	if err := h.Handle(s, r); err != nil {
		t.Fatal(err)
	}
	got, want := len(s.emitted) > before, m.passes(id, min(at, s.now.UnixMilli()))
	if got != want {
		t.Fatalf("the record of %q at %d was let by: %t, want %t", id, at, got, want)
	}
}

func TestTheWindowEndsToTheMillisecond(t *testing.T) {
	h := made(t, Config{Key: key(t, "key"), Window: time.Hour}, 1)
	s := newFakeStep()
	start := time.UnixMilli(1_700_000_000_000)
	for _, c := range []struct {
		after  time.Duration
		passes bool
	}{{0, true}, {0, false}, {time.Hour - time.Millisecond, false}, {time.Hour, true}, {2*time.Hour - time.Millisecond, false}, {time.Minute, false}, {2 * time.Hour, true}} {
		before := len(s.emitted)
		if err := h.Handle(s, &kgo.Record{Key: []byte("k"), Timestamp: start.Add(c.after)}); err != nil {
			t.Fatal(err)
		}
		if got := len(s.emitted) > before; got != c.passes {
			t.Errorf("after %v let by: %t, want %t", c.after, got, c.passes)
		}
	}
}

func TestATimestampOfTheFutureMakesNothingForgotten(t *testing.T) {
	h := made(t, Config{Key: key(t, "key")}, 1)
	s := newFakeStep()
	for _, r := range []*kgo.Record{
		{Key: []byte("a"), Timestamp: s.now}, {Key: []byte("b"), Timestamp: s.now.Add(1000 * time.Hour)}, {Key: []byte("a"), Timestamp: s.now},
	} {
		if err := h.Handle(s, r); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.emitted) != 2 {
		t.Errorf("%d were let by, want 2", len(s.emitted))
	}
}

func TestPartitionsShareTheLimit(t *testing.T) {
	for partitions, want := range map[int32]int{0: 100, 1: 100, 3: 33, 100: 1, 1000: 1} {
		if got := made(t, Config{Limit: 100}, partitions).size.Limit; got != want {
			t.Errorf("each of %d partitions has %d ids, want %d", partitions, got, want)
		}
	}
}

func TestRecordsWithoutAnIDAreDroppedByNobody(t *testing.T) {
	for policy, wantErr := range map[WithoutID]error{Pass: nil, DeadLetter: process.ErrReject} {
		h := made(t, Config{WithoutID: policy}, 1)
		s := newFakeStep()
		for range 2 {
			if err := h.Handle(s, &kgo.Record{Value: []byte("v")}); !errors.Is(err, wantErr) {
				t.Errorf("%s: %v", policy, err)
			}
		}
		if want := map[WithoutID]int{Pass: 2}[policy]; len(s.emitted) != want {
			t.Errorf("%s: %d were let by, want %d", policy, len(s.emitted), want)
		}
	}
}

// A day's ids do not all go in the step that comes after a quiet one.
func TestAStepForgetsSoManyIDsOnly(t *testing.T) {
	h := made(t, Config{Key: key(t, "key"), Window: time.Hour}, 1)
	s := newFakeStep()
	pass := func(id string) {
		t.Helper()
		if err := h.Handle(s, &kgo.Record{Key: []byte(id), Timestamp: s.now}); err != nil {
			t.Fatal(err)
		}
	}
	const blocks = 4 * expireAtOnce / blockLen
	for i := range blocks * blockLen {
		pass(fmt.Sprint(i))
	}
	s.now = s.now.Add(time.Hour)
	for left := blocks; left > 0; left -= expireAtOnce / blockLen {
		if got := len(s.stores[idsStore]); got != left {
			t.Fatalf("%d blocks, want %d", got, left)
		}
		pass(fmt.Sprint("new", left))
	}
	if got := len(s.emitted); got != blocks*blockLen+4 {
		t.Errorf("%d were let by", got)
	}
}
