package client

import (
	"context"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

// Whatever order tasks are done in, parked and taken again: the offset that may be
// committed has nothing before it that is not done, and everything done directly behind
// it is before it; and each key's tasks are taken in order, one at a time.
func TestCommittedOffsetsHaveNoGap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBoard()
		p := b.open(context.Background(), "t", 0)
		var offsets []int64 // all that were added
		done := map[int64]bool{}
		taken := map[string]*task{}
		last := map[string]int64{}
		next := int64(rapid.IntRange(0, 5).Draw(t, "first"))
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				var records []*kgo.Record
				for range rapid.IntRange(1, 4).Draw(t, "records") {
					next += int64(rapid.IntRange(1, 3).Draw(t, "gap")) // compacted, or control records
					records = append(records, &kgo.Record{Offset: next, Key: fmt.Append(nil, rapid.IntRange(0, 3).Draw(t, "key"))})
					offsets = append(offsets, next)
				}
				b.add(p, records)
			},
			"take": func(t *rapid.T) {
				if b.mu.first == len(b.mu.ready) {
					return
				}
				got := b.take()
				key := string(got.record.Key)
				if taken[key] != nil || got.record.Offset <= last[key] {
					t.Fatalf("key %s: offset %d, after %d, with %v", key, got.record.Offset, last[key], taken[key])
				}
				taken[key] = got
			},
			"finish": func(t *rapid.T) {
				if len(taken) == 0 {
					return
				}
				key := rapid.SampledFrom(sorted(taken)).Draw(t, "key")
				got := taken[key]
				delete(taken, key)
				last[key], done[got.record.Offset] = got.record.Offset, true
				b.finish(got)
				b.next(got.lane)
			},
			"": func(t *rapid.T) {
				want := int64(-1)
				for _, o := range offsets {
					if !done[o] {
						break
					}
					want = o + 1
				}
				if p.next != want {
					t.Fatalf("offset %d may be committed, want %d", p.next, want)
				}
				if p.running != len(taken) {
					t.Fatalf("%d run, want %d", p.running, len(taken))
				}
			},
		})
	})
}

func sorted(m map[string]*task) []string {
	var keys []string
	for _, k := range []string{"0", "1", "2", "3"} {
		if m[k] != nil {
			keys = append(keys, k)
		}
	}
	return keys
}

func TestPausesAreDrawnWithinDoublingBounds(t *testing.T) {
	p := Policy{Backoff: 10, MaxBackoff: 1000}
	p.setDefaults()
	for attempt, bound := range map[int]int64{1: 10, 2: 20, 4: 80, 8: 1000, 70: 1000} {
		var most int64
		for range 2000 {
			most = max(most, int64(p.pause(attempt)))
		}
		if most > bound || most < bound/2 {
			t.Errorf("attempt %d: the longest pause is %d, want about %d", attempt, most, bound)
		}
	}
}

func TestAMemoryRemembersTheLast(t *testing.T) {
	m := SeenInMemory(2)
	for _, id := range []string{"a", "b", "b", "c"} {
		if err := m.Mark(t.Context(), "/s", id); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]bool{"a": false, "b": true, "c": true} {
		if seen, err := m.Seen(t.Context(), "/s", id); err != nil || seen != want {
			t.Errorf("%s: %v, %v", id, seen, err)
		}
	}
	if seen, _ := m.Seen(t.Context(), "/other", "b"); seen {
		t.Error("another source's event is taken for this one")
	}
}
