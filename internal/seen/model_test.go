package seen

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// model is what a set is, as plainly as it can be said: all ids that were ever added.
type model struct {
	window int64
	limit  int
	added  []Remembered
	first  int // the oldest that was not forgotten
}

func (m *model) time(at int64) int64 {
	if n := len(m.added); n > 0 {
		at = max(at, m.added[n-1].At)
	}
	return at
}

func (m *model) find(id ID, at int64) (uint64, bool) {
	at = m.time(at)
	for n := len(m.added) - 1; n >= max(m.first, len(m.added)-m.limit); n-- {
		if a := m.added[n]; a.ID == id && at-a.At < m.window {
			return uint64(n), true
		}
	}
	return 0, false
}

// expire forgets what does not count any more, at most so many.
func (m *model) expire(most int) (early int) {
	for ; m.first < len(m.added) && most > 0; m.first++ {
		late := m.added[len(m.added)-1].At-m.added[m.first].At >= m.window
		if !late && m.first >= len(m.added)-m.limit {
			break
		}
		if !late {
			early++
		}
		most--
	}
	return early
}

// A set finds what the model finds, after whatever was added, forgotten, taken back and
// put back; ids repeat, come late, and just at the window's edges.
func TestSetIsLikeItsModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{
			Window:    time.Duration(rapid.Int64Range(1, 50).Draw(t, "window")) * time.Millisecond,
			Limit:     rapid.IntRange(1, 200).Draw(t, "limit"),
			ValueSize: rapid.IntRange(0, 3).Draw(t, "values"),
		}
		s, err := New(cfg, 0)
		if err != nil {
			t.Fatal(err)
		}
		m := &model{window: cfg.Window.Milliseconds(), limit: cfg.Limit}
		kept, at := *m, int64(1000)
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			at += rapid.SampledFrom([]int64{0, 0, 0, 1, 1, m.window - 1, m.window, -5}).Draw(t, "time")
			id := idNumber(rapid.Uint64Range(0, 60).Draw(t, "id"))
			switch rapid.SampledFrom([]string{"add", "add", "add", "add", "expire", "commit", "abort"}).Draw(t, "do") {
			case "add":
				if _, ok := m.find(id, at); ok {
					break
				}
				value := make([]byte, rapid.IntRange(0, 4).Draw(t, "size"))
				for i := range value {
					value[i] = byte(len(m.added))
				}
				s.Add(id, at, value)
				m.added = append(m.added, Remembered{id, m.time(at), value})
			case "expire":
				most := rapid.SampledFrom([]int{1, 10, 1000}).Draw(t, "most")
				if got, want := s.Expire(most), m.expire(most); got != want {
					t.Fatalf("%d expired early, want %d", got, want)
				}
			case "commit":
				kept = model{m.window, m.limit, slices.Clone(m.added), m.first}
			case "abort":
				if len(kept.added) <= m.first {
					break // nothing of what it had is left: it is made anew
				}
				s.Undo(uint64(len(kept.added)))
				for n := m.first - 1; n >= kept.first; n-- {
					s.Restore(kept.added[n].ID, kept.added[n].At, kept.added[n].Value)
				}
				*m = model{m.window, m.limit, slices.Clone(kept.added), kept.first}
			}
			checkSet(t, s, m, id, at)
		}
	})
}

func checkSet(t *rapid.T, s *Set, m *model, id ID, at int64) {
	want, wantOK := m.find(id, at)
	got, ok := s.Find(id, at)
	if got != want || ok != wantOK {
		t.Fatalf("found %d %t, want %d %t", got, ok, want, wantOK)
	}
	if s.First() != uint64(m.first) || s.Next() != uint64(len(m.added)) {
		t.Fatalf("has %d up to %d, want %d up to %d", s.First(), s.Next(), m.first, len(m.added))
	}
	if s.Len() == 0 {
		return
	}
	a := m.added[len(m.added)-1]
	if id, at := s.Entry(s.Next() - 1); id != a.ID || at != a.At {
		t.Fatalf("the newest is %x at %d, want %x at %d", id, at, a.ID, a.At)
	}
	if v := s.AppendValue(nil, s.Next()-1); !bytes.HasPrefix(v, a.Value[:min(len(v), len(a.Value))]) || len(v) != s.values {
		t.Fatalf("its value is %x, want %x", v, a.Value)
	}
}
