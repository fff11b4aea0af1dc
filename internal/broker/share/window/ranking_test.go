package window

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// ranked is a window with a ranking, and the records of a log.
type ranked struct {
	w    *Window
	rank *Ranking
	log  []Info
	now  time.Time
}

// look makes the ranking look ahead, as its caller would after reading the log.
// What it passes over may move the start, and so the look-ahead.
func (r *ranked) look(ahead int) {
	for {
		from, n := r.rank.Missing(r.w, ahead)
		end := from
		var infos []Info
		for _, in := range r.log {
			if in.Offset >= from && in.Offset < from+int64(n) {
				infos, end = append(infos, in), in.Offset+1
			}
		}
		if end == from {
			return
		}
		r.rank.Add(r.w, infos, end)
	}
}

func (r *ranked) state(offset int64) State {
	if offset < r.w.start {
		return Archived
	}
	if rs := r.w.over(offset, offset); len(rs) == 1 {
		return rs[0].state
	}
	return Available
}

func newRanked(t *rapid.T, byKey, byPriority bool) *ranked {
	r := &ranked{w: New(0), now: time.Unix(1_000_000, 0)}
	r.rank = NewRanking(r.w, byKey, byPriority)
	for o, n := int64(0), rapid.IntRange(0, 40).Draw(t, "records"); len(r.log) < n; o++ {
		if rapid.IntRange(0, 5).Draw(t, "gap") > 0 {
			r.log = append(r.log, Info{o, uint64(rapid.IntRange(0, 3).Draw(t, "key")), int64(rapid.IntRange(-1, 2).Draw(t, "priority"))})
		}
	}
	return r
}

// acquire takes records and checks the promises.
func (r *ranked) acquire(t *rapid.T) {
	r.look(15)
	offsets := r.rank.Pick(r.w, rapid.IntRange(1, 6).Draw(t, "wanted"))
	for _, o := range offsets {
		r.checkPicked(t, o, offsets)
	}
	a := Acquisition{Member: rapid.SampledFrom(members).Draw(t, "member"), Until: r.now.Add(time.Second), Records: len(offsets), Locks: 15, Limit: 3}
	r.w.Take(a, offsets)
	if !r.rank.ByKey {
		return
	}
	busy := map[uint64]int64{}
	for _, in := range r.log {
		if in.Key != 0 && r.state(in.Offset) == Acquired {
			if other, ok := busy[in.Key]; ok {
				t.Fatalf("offsets %d and %d have the same key and are both in flight", other, in.Offset)
			}
			busy[in.Key] = in.Offset
		}
	}
}

func (r *ranked) info(offset int64) Info {
	i := slices.IndexFunc(r.log, func(in Info) bool { return in.Offset == offset })
	return r.log[i]
}

// checkPicked checks that nothing else should have been given out before.
func (r *ranked) checkPicked(t *rapid.T, offset int64, picked []int64) {
	got := r.info(offset)
	if offset >= r.w.start+15 {
		t.Fatalf("offset %d is beyond the look-ahead from %d", offset, r.w.start)
	}
	for _, in := range r.log {
		state := r.state(in.Offset)
		if r.rank.ByKey && in.Key != 0 && in.Key == got.Key && in.Offset < offset && !state.finished() && state != Archiving {
			t.Fatalf("offset %d was picked while %d of the same key is in state %d", offset, in.Offset, state)
		}
		if !r.rank.ByKey && r.rank.ByPriority && state == Available && in.Offset < r.w.start+15 && !slices.Contains(picked, in.Offset) && in.Priority > got.Priority {
			t.Fatalf("offset %d of priority %d was picked, not %d of %d", offset, got.Priority, in.Offset, in.Priority)
		}
	}
}

// finish acknowledges what a member has in one way.
func (r *ranked) finish(t *rapid.T) {
	member := rapid.SampledFrom(members).Draw(t, "member")
	fate := Fate{Limit: 3, DeadLetters: rapid.Bool().Draw(t, "dead letters")}
	typ := rapid.SampledFrom([]AckType{Accept, Release, Reject}).Draw(t, "type")
	var acks []Ack
	for _, run := range r.w.runs {
		if run.state == Acquired && run.lock.member == member {
			acks = append(acks, Ack{run.first, run.last, []AckType{typ}})
		}
	}
	if err := r.w.Acknowledge(Acknowledgement{Member: member, Fate: fate}, acks); err != nil {
		t.Fatal(err)
	}
}

func (r *ranked) restart(t *rapid.T) {
	w, err := Restore(r.w.Start(), r.w.Batches())
	if err != nil {
		t.Fatal(err)
	}
	r.w, r.rank = w, NewRanking(w, r.rank.ByKey, r.rank.ByPriority)
}

// drain accepts all; nothing may be left behind.
func (r *ranked) drain(t *rapid.T) {
	for range 1000 {
		r.now = r.now.Add(time.Minute)
		r.w.Expire(r.now, Fate{Limit: 3})
		for g, ok := r.w.GivenUp(); ok; g, ok = r.w.GivenUp() {
			r.w.Archive(g.First, g.Last)
		}
		r.look(15)
		ranges := r.w.Take(Acquisition{Member: "a", Until: r.now.Add(time.Second), Records: 5, Locks: 15, Limit: 3}, r.rank.Pick(r.w, 5))
		for _, g := range ranges {
			if err := r.w.Acknowledge(Acknowledgement{Member: "a", Fate: Fate{Limit: 3}}, []Ack{{g.First, g.Last, []AckType{Accept}}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := len(r.log); n > 0 && r.w.Start() <= r.log[n-1].Offset {
		t.Fatalf("start is %d, the last record is %d\n%v", r.w.Start(), r.log[n-1].Offset, r.w.dump())
	}
}

func TestRankingKeepsItsPromisesAndStarvesNoRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := newRanked(t, rapid.Bool().Draw(t, "by key"), rapid.Bool().Draw(t, "by priority"))
		t.Repeat(map[string]func(*rapid.T){
			"acquire": r.acquire,
			"finish":  r.finish,
			"expire": func(t *rapid.T) {
				r.now = r.now.Add(400 * time.Millisecond)
				r.w.Expire(r.now, Fate{Limit: 3})
			},
			"restart": r.restart,
		})
		r.drain(t)
	})
}

func TestRecordsOfOneKeyComeOneAtATimeAndInOrder(t *testing.T) {
	w := New(0)
	rank := NewRanking(w, true, false)
	rank.Add(w, []Info{{0, 7, 0}, {1, 7, 0}, {2, 8, 0}, {3, 0, 0}, {4, 0, 0}, {5, 7, 0}}, 6)
	take := func(want ...int64) {
		t.Helper()
		got := rank.Pick(w, 10)
		if !slices.Equal(got, want) {
			t.Fatalf("picked %v, want %v", got, want)
		}
		w.Take(Acquisition{Member: "a", Until: time.Unix(1, 0), Records: 10, Locks: 100, Limit: 5}, got)
	}
	answer := func(offset int64, typ AckType) {
		t.Helper()
		if err := w.Acknowledge(Acknowledgement{Member: "a", Fate: Fate{Limit: 5}}, []Ack{{offset, offset, []AckType{typ}}}); err != nil {
			t.Fatal(err)
		}
	}
	take(0, 2, 3, 4)
	take()
	answer(0, Release)
	take(0) // again, before 1
	answer(0, Accept)
	take(1)
	answer(1, Reject)
	take(5)
}

func TestGreaterPrioritiesComeFirstWithinTheLookAhead(t *testing.T) {
	w := New(0)
	rank := NewRanking(w, false, true)
	rank.Add(w, []Info{{0, 0, 0}, {1, 0, 5}, {2, 0, -1}, {3, 0, 9}, {4, 0, 5}}, 5)
	if got := rank.Pick(w, 4); !slices.Equal(got, []int64{3, 1, 4, 0}) {
		t.Errorf("picked %v", got)
	}
	if from, n := rank.Missing(w, 8); from != 5 || n != 3 {
		t.Errorf("missing are %d offsets from %d on", n, from)
	}
}
