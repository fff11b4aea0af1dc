package group

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever is set, moved and removed, take gives what is due, once and in order.
func TestTimersFireInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		timers := newTimers()
		entries := make([]entry, 8)
		want := map[*entry]time.Time{}
		now := time.UnixMilli(0)
		at := func() time.Time { return now.Add(time.Duration(rapid.IntRange(1, 50).Draw(t, "in"))) }
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				e := &entries[rapid.IntRange(0, len(entries)-1).Draw(t, "entry")]
				want[e] = at()
				timers.set(e, want[e])
			},
			"remove": func(t *rapid.T) {
				e := &entries[rapid.IntRange(0, len(entries)-1).Draw(t, "entry")]
				delete(want, e)
				timers.set(e, time.Time{})
			},
			"take": func(t *rapid.T) {
				now = at()
				got := timers.take(now)
				if !slices.IsSortedFunc(got, func(a, b *entry) int { return want[a].Compare(want[b]) }) {
					t.Fatal("out of order")
				}
				for _, e := range got {
					if w, ok := want[e]; !ok || w.After(now) {
						t.Fatalf("fires at %v, should at %v", now, w)
					}
					delete(want, e)
				}
			},
			"": func(t *rapid.T) {
				var first time.Time
				for _, w := range want {
					if first.IsZero() || w.Before(first) {
						first = w
					}
				}
				if got := timers.next(); !got.Equal(first) {
					t.Fatalf("next is %v, want %v", got, first)
				}
			},
		})
	})
}
