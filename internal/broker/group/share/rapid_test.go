package share

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Every partition has a member, every member a partition, nobody has much more
// than another, and what fits stays.
func TestAssignmentIsFairAndSticky(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		partitions := int32(rapid.IntRange(1, 12).Draw(t, "partitions"))
		var members []string
		for i := range rapid.IntRange(1, 20).Draw(t, "members") {
			members = append(members, fmt.Sprintf("m%02d", i))
		}
		had := map[string][]int32{}
		for _, m := range members {
			had[m] = slices.Compact(slices.Sorted(slices.Values(rapid.SliceOfN(rapid.Int32Range(0, 13), 0, 6).Draw(t, "had"))))
		}
		got := assign(members, partitions, func(m string) []int32 { return had[m] })
		checkFair(t, got, members, partitions)
		// One more pass may put right what the first could not; then nothing moves.
		settled := assign(members, partitions, func(m string) []int32 { return got[m] })
		again := assign(members, partitions, func(m string) []int32 { return settled[m] })
		if !reflect.DeepEqual(again, settled) {
			t.Fatalf("%v became %v", settled, again)
		}
	})
}

func checkFair(t *rapid.T, got map[string][]int32, members []string, partitions int32) {
	load := make([]int, partitions)
	fewest, most := len(load), 0
	for _, m := range members {
		fewest, most = min(fewest, len(got[m])), max(most, len(got[m]))
		if !slices.IsSorted(got[m]) || len(slices.Compact(slices.Clone(got[m]))) != len(got[m]) {
			t.Fatalf("%s has %v", m, got[m])
		}
		for _, p := range got[m] {
			load[p]++
		}
	}
	if fewest == 0 || most-fewest > 1 || slices.Min(load) == 0 {
		t.Fatalf("members have %d to %d partitions, partitions have %v members", fewest, most, load)
	}
}

// After whatever happens, the members' targets are fair, the log says what the
// group knows, and partitions are given out only when the group has begun with them.
func TestGroupsStayFairAndDurable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		epochs := map[string]int32{}
		member := func() string { return rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "member") }
		topics := func() []string {
			all := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"t1", "t2", "t3"}), 1, 3, rapid.ID[string]).Draw(t, "topics")
			return all
		}
		sync := func(m string, resp int32, code int16) {
			if code == 0 {
				if resp < epochs[m] {
					t.Fatalf("the epoch of %s fell from %d to %d", m, epochs[m], resp)
				}
				epochs[m] = resp
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"join": func(*rapid.T) {
				m := member()
				r := w.heartbeat(m, 0, topics()...)
				sync(m, r.MemberEpoch, r.ErrorCode)
			},
			"heartbeat": func(*rapid.T) {
				if m := member(); epochs[m] > 0 {
					r := w.heartbeat(m, epochs[m])
					sync(m, r.MemberEpoch, r.ErrorCode)
				}
			},
			"subscribe": func(*rapid.T) {
				if m := member(); epochs[m] > 0 {
					r := w.heartbeat(m, epochs[m], topics()...)
					sync(m, r.MemberEpoch, r.ErrorCode)
				}
			},
			"leave": func(*rapid.T) {
				if m := member(); epochs[m] > 0 {
					w.heartbeat(m, -1)
					delete(epochs, m)
				}
			},
			"expire": func(*rapid.T) {
				w.now = w.now.Add(time.Duration(rapid.IntRange(0, 50).Draw(t, "seconds")) * time.Second)
				fx := w.g.Expire(w.env())
				w.write(fx)
				for _, d := range fx.Gone {
					delete(epochs, d.Member)
				}
			},
			"grow": func(*rapid.T) {
				name := topics()[0]
				w.topics.set(name, w.topics.topics[name].partitions+1)
			},
			"delete": func(*rapid.T) {
				delete(w.topics.topics, topics()[0])
				w.topics.version++
			},
			"restart": func(*rapid.T) { w.restart() },
			"":        func(t *rapid.T) { w.check(t) },
		})
	})
}

func (w *world) check(t *rapid.T) {
	restored := Restore(&w.cfg, "g", w.env(), &w.log)
	if restored.epoch != w.g.epoch || restored.targetEpoch != w.g.targetEpoch || restored.hash != w.g.hash || !maps.Equal(restored.begun, w.g.begun) {
		t.Fatalf("the log has %+v, the group is %+v", restored, w.g)
	}
	if !slices.Equal(slices.Sorted(maps.Keys(restored.members)), slices.Sorted(maps.Keys(w.g.members))) {
		t.Fatalf("members in the log are %v, in the group %v", restored.members, w.g.members)
	}
	for id, m := range w.g.members {
		r := restored.members[id]
		if !r.target.same(m.target) || !r.assigned.same(m.assigned) || r.epoch != m.epoch || !slices.Equal(r.wants, m.wants) {
			t.Fatalf("member in the log is %+v, in the group %+v", r, m)
		}
		for topic, ps := range m.target {
			for _, p := range ps {
				if !w.begun[topic][p] {
					t.Fatalf("%s is told of partition %d, with which the group has not begun", id, p)
				}
			}
		}
	}
	if w.g.targetEpoch == w.g.epoch {
		w.checkTargets(t)
	}
}

func (w *world) checkTargets(t *rapid.T) {
	for id, b := range w.g.begun {
		readers := w.g.readers(b.name)
		if len(readers) == 0 {
			continue
		}
		got := map[string][]int32{}
		for _, m := range readers {
			got[m] = w.g.members[m].target[id]
		}
		checkFair(t, got, readers, b.partitions)
	}
}

// FuzzImage: records of any content are read or refused, and a group made of
// them can be stepped.
func FuzzImage(f *testing.F) {
	w := newWorld(f)
	w.topics.set("a", 2)
	w.join("m", "a")
	for _, r := range []struct{ k, v []byte }{
		{groupRecord(w.g).Key, groupRecord(w.g).Value},
		{memberRecord("g", w.g.members["m"]).Key, memberRecord("g", w.g.members["m"]).Value},
		{currentRecord("g", w.g.members["m"]).Key, currentRecord("g", w.g.members["m"]).Value},
		{begunRecord(w.g).Key, begunRecord(w.g).Value},
	} {
		f.Add(r.k, r.v)
	}

	f.Fuzz(func(t *testing.T, key, value []byte) {
		w := newWorld(t)
		w.topics.set("a", 2)
		if w.log.Apply(key, value) == nil {
			w.restart()
			for id, n := range w.g.Topics() {
				w.begun[id] = map[int32]bool{}
				for i := range min(n, 10) {
					w.begun[id][i] = true
				}
			}
			w.heartbeat("x", 0, "a")
		}
	})
}
