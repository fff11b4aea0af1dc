package deadline

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever is set, moved and removed, Take gives what is due, once and in order.
func TestTimersFireInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := New[int]()
		timers := make([]Timer[int], 8)
		for i := range timers {
			timers[i].Owner = i
		}
		want := map[int]time.Time{}
		now := time.UnixMilli(0)
		at := func() time.Time { return now.Add(time.Duration(rapid.IntRange(1, 50).Draw(t, "in"))) }
		one := func() int { return rapid.IntRange(0, len(timers)-1).Draw(t, "timer") }
		t.Repeat(map[string]func(*rapid.T){
			"set": func(*rapid.T) {
				i := one()
				want[i] = at()
				q.Set(&timers[i], want[i])
			},
			"remove": func(*rapid.T) {
				i := one()
				delete(want, i)
				q.Set(&timers[i], time.Time{})
			},
			"take": func(t *rapid.T) {
				now = at()
				got := q.Take(now)
				if !slices.IsSortedFunc(got, func(a, b int) int { return want[a].Compare(want[b]) }) {
					t.Fatal("out of order")
				}
				for _, i := range got {
					if w, ok := want[i]; !ok || w.After(now) {
						t.Fatalf("fires at %v, should at %v", now, w)
					}
					delete(want, i)
				}
			},
			"": func(t *rapid.T) {
				var first time.Time
				for _, w := range want {
					if first.IsZero() || w.Before(first) {
						first = w
					}
				}
				if got := q.Next(); !got.Equal(first) {
					t.Fatalf("next is %v, want %v", got, first)
				}
			},
		})
	})
}

func TestAnEarlierDeadlineIsTold(t *testing.T) {
	q := New[string]()
	a, b := Timer[string]{Owner: "a"}, Timer[string]{Owner: "b"}
	q.Set(&a, time.UnixMilli(10))
	<-q.Earlier()
	q.Set(&b, time.UnixMilli(20))
	select {
	case <-q.Earlier():
		t.Error("a later deadline was told")
	default:
	}
	q.Set(&b, time.UnixMilli(5))
	<-q.Earlier()
}
