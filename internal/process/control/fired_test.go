package control

import (
	"reflect"
	"testing"

	"github.com/evidentlog/evident/internal/process"
)

func TestPositionsAreDeclaredAndReadBack(t *testing.T) {
	o := Offsets{"a": {0: 3, 2: 9}, "b": {1: 4}}
	back := offsetsOf(o.Declared())
	for topic, partitions := range o {
		for p, want := range partitions {
			if back[topic][p] != want {
				t.Errorf("partition %d of %s is at %d, want %d", p, topic, back[topic][p], want)
			}
		}
	}
	if back["a"][1] != 0 {
		t.Errorf("a partition without a position is at %d", back["a"][1])
	}
}

func TestCutsAreDeclaredAndReadBack(t *testing.T) {
	first, last := process.Cut{Wall: 5}, process.Cut{Wall: 7, Event: 3}
	f := Fired{3: {Through: last, Last: process.Cut{Wall: 9}}, 1: {Through: first}}
	if got, want := cutsOf(f.Declared()), map[int32]process.Cut{0: {}, 1: first, 2: {}, 3: last}; !reflect.DeepEqual(got, want) {
		t.Errorf("read back %v, want %v", got, want)
	}
}

func TestAVersionFollowsOneThatStoppedBetweenTwoTimersNoEarlierThanItself(t *testing.T) {
	at := func(through, last int64) process.Fired {
		return process.Fired{Through: process.Cut{Wall: through, Event: through}, Last: process.Cut{Wall: last, Event: last}}
	}
	for name, c := range map[string]struct {
		stops, follows Fired
		ok             bool
	}{
		"no timers":                        {nil, nil, true},
		"the other version is as far":      {Fired{0: at(10, 9)}, Fired{0: at(12, 10)}, true},
		"the other version is not as far":  {Fired{0: at(10, 9)}, Fired{0: at(12, 11)}, false},
		"amid timers of one moment":        {Fired{0: at(10, 11)}, Fired{0: at(5, 5)}, false},
		"a task that the new one has not":  {Fired{0: at(10, 9)}, nil, true},
		"a task that has fired nothing":    {nil, Fired{0: at(12, 11)}, true},
		"one of two tasks is not as far":   {Fired{0: at(10, 9), 1: at(3, 3)}, Fired{0: at(9, 9), 1: at(4, 4)}, false},
		"amid, of a task it has not begun": {Fired{0: at(10, 11)}, nil, false},
	} {
		if err := c.follows.Follows(c.stops); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
