package assignor

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func topic(n byte, partitions int32) Topic { return Topic{TopicID{n}, partitions} }

// text writes an assignment as "a1 a2 b0": topics as letters.
func text(ps []Partition) string {
	s := ""
	for _, p := range ps {
		s += fmt.Sprintf(" %c%d", 'a'+p.Topic[0], p.Number)
	}
	return s[min(1, len(s)):]
}

func texts(result [][]Partition) []string {
	all := make([]string, len(result))
	for i := range result {
		all[i] = text(result[i])
	}
	return all
}

func members(n int, topics ...Topic) []Member {
	ms := make([]Member, n)
	for i := range ms {
		ms[i] = Member{ID: fmt.Sprintf("m%03d", i), Topics: topics}
	}
	return ms
}

func TestRangeIsCoPartitioned(t *testing.T) {
	got := texts(Range(members(2, topic(0, 3), topic(1, 3))))
	if want := []string{"a0 a1 b0 b1", "a2 b2"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestRangeWithDifferentSubscriptions(t *testing.T) {
	ms := members(3, topic(0, 5))
	ms[1].Topics = []Topic{topic(0, 5), topic(1, 2)}
	ms[2].Topics = []Topic{topic(1, 2)}
	got := texts(Range(ms))
	if want := []string{"a0 a1 a2", "a3 a4 b0", "b1"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestRangeWithMoreMembersThanPartitions(t *testing.T) {
	got := texts(Range(members(3, topic(0, 2))))
	if want := []string{"a0", "a1", ""}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Static members come first, by instance id, whatever their member ids are.
func TestOrderOfMembers(t *testing.T) {
	ms := []Member{{ID: "b"}, {ID: "a"}, {ID: "z", InstanceID: "i1"}, {ID: "c", InstanceID: "i2"}}
	slices.SortFunc(ms, func(m, n Member) int { return m.Compare(&n) })
	var got []string
	for _, m := range ms {
		got = append(got, m.ID)
	}
	if want := []string{"z", "c", "a", "b"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// A member that joins takes its share from the others and nothing else moves.
func TestUniformMovesNoMoreThanItMust(t *testing.T) {
	two := members(2, topic(0, 6))
	for i, owned := range Uniform(two) {
		two[i].Owned = owned
	}
	three := append(two, Member{ID: "m9", Topics: two[0].Topics})
	got := texts(Uniform(three))
	if want := []string{"a0 a1", "a3 a4", "a2 a5"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Who has one partition above the others keeps it, wherever it stands in the order.
func TestUniformLetsTheLargerKeepTheirShare(t *testing.T) {
	ms := members(3, topic(0, 4))
	ms[2].Owned = []Partition{{TopicID{0}, 1}, {TopicID{0}, 3}}
	got := texts(Uniform(ms))
	if want := []string{"a0", "a2", "a1 a3"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// scene draws members that subscribe to some of some topics and own what they
// like: also what is not there, or what others own too.
func scene(t *rapid.T) []Member {
	topics := make([]Topic, rapid.IntRange(1, 5).Draw(t, "topics"))
	for i := range topics {
		topics[i] = topic(byte(i), int32(rapid.IntRange(0, 12).Draw(t, "partitions")))
	}
	alike := rapid.Bool().Draw(t, "alike")
	ms := members(rapid.IntRange(1, 8).Draw(t, "members"), topics...)
	for i := range ms {
		if !alike {
			ms[i].Topics = nil
			for _, tp := range topics {
				if rapid.Bool().Draw(t, "subscribes") {
					ms[i].Topics = append(ms[i].Topics, tp)
				}
			}
		}
		for range rapid.IntRange(0, 6).Draw(t, "owned") {
			ms[i].Owned = append(ms[i].Owned, Partition{TopicID{byte(rapid.IntRange(0, 5).Draw(t, "t"))}, int32(rapid.IntRange(-1, 12).Draw(t, "p"))})
		}
		slices.SortFunc(ms[i].Owned, Partition.Compare)
		ms[i].Owned = slices.Compact(ms[i].Owned)
	}
	return ms
}

// Every partition with a subscriber goes to one of its subscribers; the lists
// are in order; the same input gives the same result.
func TestEachPartitionHasOneOwner(t *testing.T) {
	for name, assign := range map[string]Assignor{UniformName: Uniform, RangeName: Range} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				ms := scene(t)
				result := assign(ms)
				checkOwners(t, ms, result)
				if again := assign(ms); !slices.EqualFunc(result, again, slices.Equal) {
					t.Fatalf("%q, then %q", texts(result), texts(again))
				}
			})
		})
	}
}

func checkOwners(t *rapid.T, ms []Member, result [][]Partition) {
	wanted := map[Partition]bool{}
	for _, m := range ms {
		for _, tp := range m.Topics {
			for n := range tp.Partitions {
				wanted[Partition{tp.ID, n}] = true
			}
		}
	}
	seen := map[Partition]bool{}
	for i, ps := range result {
		if !slices.IsSortedFunc(ps, Partition.Compare) {
			t.Fatalf("not in order: %s", text(ps))
		}
		for _, p := range ps {
			if seen[p] {
				t.Fatalf("%s has two owners: %q", text([]Partition{p}), texts(result))
			}
			seen[p] = true
			if !slices.ContainsFunc(ms[i].Topics, func(tp Topic) bool { return tp.ID == p.Topic && p.Number < tp.Partitions }) {
				t.Fatalf("member %d does not subscribe to %s", i, text([]Partition{p}))
			}
		}
	}
	if len(seen) != len(wanted) {
		t.Fatalf("%d partitions are assigned, want %d: %q", len(seen), len(wanted), texts(result))
	}
}

// Two subscribers of a topic with more than one partition between them cannot be
// evened out by moving a partition of that topic; and what is even stays as it is.
func TestUniformIsBalancedAndSticky(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := scene(t)
		result := Uniform(ms)
		for i := range ms {
			for _, p := range result[i] {
				for j := range ms {
					subscribes := slices.ContainsFunc(ms[j].Topics, func(tp Topic) bool { return tp.ID == p.Topic })
					if subscribes && len(result[i])-len(result[j]) > 1 {
						t.Fatalf("member %d could give %s to %d: %q", i, text([]Partition{p}), j, texts(result))
					}
				}
			}
			ms[i].Owned = result[i]
		}
		if again := Uniform(ms); !slices.EqualFunc(result, again, slices.Equal) {
			t.Fatalf("%q becomes %q for no reason", texts(result), texts(again))
		}
	})
}

// A member's leave takes nothing from the others that subscribe to the same.
func TestUniformTakesNothingWhenAMemberLeaves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ms := members(rapid.IntRange(2, 9).Draw(t, "members"), topic(0, int32(rapid.IntRange(1, 20).Draw(t, "a"))), topic(1, int32(rapid.IntRange(1, 20).Draw(t, "b"))))
		for i, owned := range Uniform(ms) {
			ms[i].Owned = owned
		}
		gone := rapid.IntRange(0, len(ms)-1).Draw(t, "gone")
		ms = slices.Delete(ms, gone, gone+1)
		for i, now := range Uniform(ms) {
			for _, p := range ms[i].Owned {
				if !slices.Contains(now, p) {
					t.Fatalf("member %d had %s, gets %s", i, text(ms[i].Owned), text(now))
				}
			}
		}
	})
}

func BenchmarkAssign(b *testing.B) {
	for name, assign := range map[string]Assignor{UniformName: Uniform, RangeName: Range} {
		for _, mixed := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/mixed=%v/500members/2000partitions", name, mixed), func(b *testing.B) {
				ms := members(500, topic(0, 1000), topic(1, 1000))
				if mixed {
					ms[0].Topics = ms[0].Topics[:1]
				}
				for i, owned := range assign(ms[1:]) {
					ms[i+1].Owned = owned
				}
				for b.Loop() {
					assign(ms)
				}
			})
		}
	}
}
