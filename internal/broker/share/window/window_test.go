package window

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"
)

func acquireAll(t *testing.T, w *Window, records int, spans ...Span) []Range {
	t.Helper()
	return w.Acquire(Acquisition{Member: "a", Until: time.Unix(10, 0), Records: records, Locks: 1000, Limit: 5}, w.Next(), spans)
}

func TestBatchesAreTakenWholeUnlessTheLimitIsExact(t *testing.T) {
	spans := []Span{{First: 0, Last: 9}, {First: 10, Last: 19}, {First: 20, Last: 29}}
	if got := acquireAll(t, New(0), 11, spans...); !slices.Equal(got, []Range{{0, 19, 1}}) {
		t.Errorf("batches: got %v", got)
	}
	a := Acquisition{Member: "a", Until: time.Unix(10, 0), Records: 11, Exact: true, Locks: 1000, Limit: 5}
	if got := New(0).Acquire(a, 0, spans); !slices.Equal(got, []Range{{0, 10, 1}}) {
		t.Errorf("exact: got %v", got)
	}
}

func TestRangesEndAtBatchesOfAboutTheSizeAskedFor(t *testing.T) {
	a := Acquisition{Member: "a", Until: time.Unix(10, 0), Records: 100, BatchSize: 15, Locks: 1000, Limit: 5}
	got := New(0).Acquire(a, 0, []Span{{First: 0, Last: 9}, {First: 10, Last: 19}, {First: 20, Last: 29}})
	if !slices.Equal(got, []Range{{0, 19, 1}, {20, 29, 1}}) {
		t.Errorf("got %v", got)
	}
}

func TestManyDeliveriesMakeSmallPortions(t *testing.T) {
	w := New(0)
	give := func() []Range {
		t.Helper()
		got := acquireAll(t, w, 100, Span{First: 0, Last: 7}, Span{First: 8, Last: 15})
		w.Expire(time.Unix(10, 0), Fate{Limit: 5})
		return got
	}
	for n := int16(1); n <= 3; n++ {
		if got := give(); !slices.Equal(got, []Range{{0, 15, n}}) {
			t.Fatalf("delivery %d: got %v", n, got)
		}
	}
	for _, want := range []Range{{0, 3, 4}, {0, 0, 5}, {1, 1, 5}, {2, 2, 5}, {3, 3, 5}, {4, 5, 4}, {4, 4, 5}} {
		if got := give(); !slices.Equal(got, []Range{want}) {
			t.Fatalf("got %v, want %v", got, want)
		}
	}
	if w.Start() != 5 {
		t.Errorf("start is %d, want 5: what was delivered 5 times is given up", w.Start())
	}
}

func TestSnapshotLeavesOutLocksAndWhatIsNew(t *testing.T) {
	w := New(0)
	acquireAll(t, w, 100, Span{First: 0, Last: 9}, Span{First: 10, Last: 19})
	if got := w.Batches(); got != nil {
		t.Errorf("locked for the first time: %v", got)
	}
	err := w.Acknowledge(Acknowledgement{Member: "a", Fate: Fate{Limit: 5, DeadLetters: true}}, []Ack{
		{5, 7, []AckType{Accept, Release, Reject}}, {10, 14, []AckType{Accept}}})
	if err != nil {
		t.Fatal(err)
	}
	want := []Batch{{5, 5, Acknowledged, 0}, {6, 6, Available, 1}, {7, 7, Archiving, 1}, {10, 14, Acknowledged, 0}}
	if got := w.Batches(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestWhatIsNoWindowIsNotRestored(t *testing.T) {
	for name, batches := range map[string][]Batch{
		"before the start": {{4, 9, Available, 1}},
		"overlapping":      {{5, 9, Available, 1}, {9, 12, Archived, 1}},
		"backwards":        {{9, 5, Available, 1}},
		"locked":           {{5, 9, Acquired, 1}},
		"unknown state":    {{5, 9, 7, 1}},
		"negative count":   {{5, 9, Available, -1}},
		"huge":             {{5, math.MaxInt64, Available, 1}, {6, 7, Available, 1}},
	} {
		if w, err := Restore(5, batches); !errors.Is(err, ErrStored) {
			t.Errorf("%s: got %v, %v", name, w, err)
		}
	}
}

func TestThereIsSomethingWhileAnythingIsAvailableOrTheWindowHasRoom(t *testing.T) {
	w := New(0)
	if w.Has(0, 10) || !w.Has(1, 10) {
		t.Error("an empty window has what the log has")
	}
	acquireAll(t, w, 100, Span{First: 0, Last: 9})
	if w.Has(20, 10) || !w.Has(20, 11) || w.Has(10, 11) {
		t.Error("a window of 10 has room if it may have 11, and the log has more")
	}
	w.Release("a", true, Fate{Limit: 5})
	if !w.Has(20, 10) {
		t.Error("what was released is there")
	}
}

func TestWhatIsReturnedWasNotDelivered(t *testing.T) {
	w := New(0)
	first := acquireAll(t, w, 5, Span{First: 0, Last: 4})
	second := acquireAll(t, w, 5, Span{First: 5, Last: 9})
	w.Return("b", second) // not its own
	w.Return("a", second)
	if w.Next() != 5 || w.Batches() != nil {
		t.Errorf("next is %d, stored are %v", w.Next(), w.Batches())
	}
	if got := acquireAll(t, w, 5, Span{First: 5, Last: 9}); !slices.Equal(got, second) {
		t.Errorf("got %v again, want %v", got, second)
	}
	if err := w.Acknowledge(Acknowledgement{Member: "a"}, []Ack{{first[0].First, first[0].Last, []AckType{Accept}}}); err != nil {
		t.Errorf("what was not returned: %v", err)
	}
}

func TestMalformedAcknowledgementsAreRefused(t *testing.T) {
	for name, acks := range map[string][]Ack{
		"no types":                      {{0, 1, nil}},
		"too few types":                 {{0, 2, []AckType{1, 1}}},
		"unknown type":                  {{0, 0, []AckType{5}}},
		"negative type":                 {{0, 0, []AckType{-1}}},
		"renewal that is not announced": {{0, 0, []AckType{Renew}}},
		"backwards":                     {{1, 0, []AckType{1}}},
		"negative offset":               {{-1, 0, []AckType{1}}},
		"overlapping":                   {{0, 1, []AckType{1}}, {1, 2, []AckType{1}}},
		"never given out":               {{0, 10, []AckType{1}}},
	} {
		w := New(0)
		acquireAll(t, w, 100, Span{First: 0, Last: 9})
		if err := w.Acknowledge(Acknowledgement{Member: "a", Fate: Fate{Limit: 5}}, acks); !errors.Is(err, ErrInvalidAck) {
			t.Errorf("%s: got %v", name, err)
		}
		if w.Start() != 0 || w.Finished() != 0 {
			t.Errorf("%s: the window changed: %v", name, w.dump())
		}
	}
}

func TestAHugeBatchIsTakenInParts(t *testing.T) {
	w := New(5)
	huge := Span{First: 0, Last: 1_000_000}
	got := acquireAll(t, w, 500, huge)
	if want := []Range{{5, 5 + MaxLength - 1, 1}}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	if more := acquireAll(t, w, 500, huge); len(more) > 0 {
		t.Errorf("got %v, and nothing is finished", more)
	}
	if err := w.Acknowledge(Acknowledgement{Member: "a"}, []Ack{{5, 5 + MaxLength - 2, []AckType{Accept}}}); err != nil {
		t.Fatal(err)
	}
	if got := acquireAll(t, w, 500, huge); len(got) != 1 || got[0].First != 5+MaxLength || got[0].Last != 5+2*MaxLength-2 {
		t.Errorf("then got %v", got)
	}
}
