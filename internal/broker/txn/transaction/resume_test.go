package transaction

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
)

var a, b = Partition{"a", 0}, Partition{"b", 0}

// The table of the decision record: what was stored last, and what a start finds open.
func TestStartTakesUpWhatACrashLeftOpen(t *testing.T) {
	held := func(s State, epoch int16, version Version, ps ...Partition) *Value {
		return &Value{State: s, Producer: Producer{7, epoch}, LastEpoch: noEpoch, PreviousID: 7, NextID: NoID, Started: 1, Partitions: NewPartitions(ps...), Version: version}
	}
	rotating := held(PrepareCommit, math.MaxInt16, V2, a)
	rotating.NextID = 9
	for _, tc := range []struct {
		name   string
		stored *Value
		open   []Open
		want   string
	}{
		{"of the transaction that goes on", held(Ongoing, 3, V2, a), []Open{{a, Producer{7, 3}}}, "Ongoing 7/3 [a]"},
		{"beside it", held(Ongoing, 3, V2, a), []Open{{a, Producer{7, 3}}, {b, Producer{7, 3}}}, "Ongoing 7/3 [a b]"},
		{"whose first joining was lost", held(Empty, 3, V0), []Open{{a, Producer{7, 3}}}, "Ongoing 7/3 [a]"},
		{"after a complete one", held(CompleteCommit, 3, V2), []Open{{a, Producer{7, 3}}, {b, Producer{7, 3}}}, "Ongoing 7/3 [a b]"},
		{"which waits for its marker", held(PrepareCommit, 3, V2, a), []Open{{a, Producer{7, 2}}}, "PrepareCommit 7/3 [a]"},
		{"which waits for its marker, of version 0", held(PrepareAbort, 3, V0, a), []Open{{a, Producer{7, 3}}}, "PrepareAbort 7/3 [a]"},
		{"after one whose completion was lost", held(PrepareCommit, 3, V2, a, b), []Open{{a, Producer{7, 3}}}, "Ongoing 7/3 [a]"},
		{"after an abort whose completion was lost", held(PrepareAbort, 3, V2, a), []Open{{b, Producer{7, 3}}}, "Ongoing 7/3 [b]"},
		{"with a new id, after one whose completion was lost", rotating, []Open{{a, Producer{9, 0}}}, "Ongoing 9/0 [a]"},
		{"of the last epoch of an id", rotating, []Open{{a, Producer{7, lastEpoch}}}, "PrepareCommit 7/32767 [a]"},
		{"after an end that keeps the epoch", held(CompleteCommit, 3, V0), []Open{{a, Producer{7, 3}}}, "CompleteCommit 7/3 []; abort a 7/3"},
		{"in a partition that it has not", held(PrepareCommit, 3, V2, a), []Open{{b, Producer{7, 2}}}, "PrepareCommit 7/3 [a]; abort b 7/3"},
		{"of an old epoch", held(Ongoing, 5, V2, a), []Open{{b, Producer{7, 3}}, {a, Producer{7, 5}}}, "Ongoing 7/5 [a]; abort b 7/5"},
		{"of an epoch to come", held(Empty, 3, V0), []Open{{b, Producer{7, 4}}}, "Empty 7/3 []; abort b 7/4"},
		{"of a new id that nobody was told", rotating, []Open{{b, Producer{9, 1}}}, "PrepareCommit 7/32767 [a]; abort b 9/1"},
		{"of both, which cannot be", held(PrepareCommit, 3, V2, a, b), []Open{{a, Producer{7, 3}}, {b, Producer{7, 2}}}, "Ongoing 7/3 [a]; commit b 7/3"},
		{"of an unknown epoch, listed", held(PrepareCommit, 3, V2, a), []Open{{a, Producer{7, noEpoch}}}, "PrepareCommit 7/3 [a]"},
		{"of an unknown epoch, not listed", held(CompleteCommit, 3, V2), []Open{{a, Producer{7, noEpoch}}}, "CompleteCommit 7/3 []; abort a 7/3"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := tc.stored.State
			next, endings := tc.stored.Resume(100, tc.open)
			if got := resumed(next, endings); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
			if next.State == Ongoing && before != Ongoing && next.Started != 100 {
				t.Errorf("it began at %d: its time-out counts from then", next.Started)
			}
		})
	}
}

func resumed(v *Value, endings []Ending) string {
	var topics []string
	for _, p := range v.Partitions.Sorted() {
		topics = append(topics, p.Topic)
	}
	out := fmt.Sprintf("%v %v %v", v.State, v.Producer, topics)
	for _, e := range endings {
		word := "abort"
		if e.Commit {
			word = "commit"
		}
		out += fmt.Sprintf("; %s %s %v", word, e.In.Topic, e.By)
	}
	return out
}

// What may be written before it is stored must be known by its epoch.
func TestPartitionsJoinEarlyOnlyInANewEpoch(t *testing.T) {
	held := func(s State, version Version) *Value { return &Value{State: s, Version: version, NextID: NoID} }
	for _, tc := range []struct {
		v    *Value
		want bool
	}{
		{held(Empty, V0), true},
		{held(CompleteCommit, V2), true},
		{held(CompleteAbort, V2), true},
		{held(CompleteCommit, V0), false},
		{held(CompleteAbort, V0), false},
	} {
		step := tc.v.Add(1, tc.v.Producer, []Partition{a}, V2)
		if step.Early != tc.want {
			t.Errorf("after %v of version %d: early %v", tc.v.State, tc.v.Version, step.Early)
		}
		if step = step.Next.Add(1, tc.v.Producer, []Partition{b}, V2); !step.Early {
			t.Error("a second partition has to wait")
		}
	}
}

// A value that cannot be stored could not be taken back.
func TestHugeTransactionsDoNotJoinEarly(t *testing.T) {
	var many []Partition
	for n := range int32(maxEarly) {
		many = append(many, Partition{strings.Repeat("t", 249), n})
	}
	v := &Value{NextID: NoID}
	step := v.Add(1, v.Producer, many, V2)
	if !step.Early || step.Next.Add(1, v.Producer, []Partition{a}, V2).Early {
		t.Errorf("the limit is not %d partitions", maxEarly)
	}
}

func TestUnclaimedTransactionsEndWithAnEpochOfNobody(t *testing.T) {
	if e := (Open{a, Producer{7, 3}}).Unclaimed(); e != (Ending{In: a, By: Producer{7, math.MaxInt16}}) {
		t.Errorf("%+v", e)
	}
	v := &Value{State: PrepareCommit, Producer: Producer{7, math.MaxInt16}, NextID: 9}
	if got := v.Claims(); !slices.Equal(got, []int64{7, 9}) {
		t.Errorf("%v claims %v", v.Producer, got)
	}
}
