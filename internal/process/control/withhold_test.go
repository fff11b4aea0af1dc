package control

import (
	"context"
	"errors"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process"
)

// echo writes what it is given.
type echo struct{}

func (echo) Handle(s process.Step, _ *kgo.Record) error { return s.Emit(process.Output{}) }

// timed does so for timers, too.
type timed struct{ echo }

func (timed) Fire(s process.Step, _ process.Timer) error { return s.Emit(process.Output{}) }

// page is a step that counts outputs.
type page struct {
	process.Step
	outputs int
}

func (p *page) Emit(process.Output) error { p.outputs++; return nil }
func (p *page) Context() context.Context  { return context.Background() }

// silent is code of task 1 whose outputs are withheld up to limits, and that has come to own.
func silent(t *testing.T, made process.Handler, limits, own Offsets) process.Handler {
	t.Helper()
	p := process.Processor{Name: "p", Version: 2, New: func(process.Task) process.Handler { return made }}
	c, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	c.withhold(&p, limits)
	h := p.New(process.Task{Partition: 1})
	if q, ok := h.(*quietTimed); ok {
		q.own = func(context.Context) (Offsets, error) { return own, nil }
	}
	return h
}

func at(a, b int64) Offsets { return Offsets{"a": {1: a}, "b": {1: b}} }

func TestOutputsOfRecordsCountFromTheLimitOn(t *testing.T) {
	for _, made := range []process.Handler{echo{}, timed{}} {
		h, s := silent(t, made, at(5, 7), at(0, 0)), &page{}
		for _, r := range []*kgo.Record{{Topic: "a", Offset: 4}, {Topic: "a", Offset: 5}, {Topic: "b", Offset: 5}, {Topic: "b", Offset: 7}, {Topic: "c", Offset: 0}} {
			if err := h.Handle(s, r); err != nil {
				t.Fatal(err)
			}
		}
		if s.outputs != 3 {
			t.Errorf("%T: %d outputs, want 3", made, s.outputs)
		}
		none := silent(t, made, nil, nil)
		if err := none.Handle(s, &kgo.Record{Topic: "a", Offset: 99}); err != nil || s.outputs != 3 {
			t.Errorf("%T: an output that is withheld counts: %v", made, err)
		}
	}
}

// Also if nothing comes any more.
func TestOutputsOfTimersCountOnceAllInputsAreAtTheirLimits(t *testing.T) {
	for name, c := range map[string]struct {
		own     Offsets
		handled []*kgo.Record
		count   bool
	}{
		"at the limits from the start":  {at(5, 7), nil, true},
		"one input is behind":           {at(5, 6), nil, false},
		"nothing handled yet":           {nil, nil, false},
		"the last one before the limit": {at(5, 5), []*kgo.Record{{Topic: "b", Offset: 6}}, true},
		"not the last one":              {at(5, 5), []*kgo.Record{{Topic: "b", Offset: 5}}, false},
		"only one of two":               {at(0, 0), []*kgo.Record{{Topic: "a", Offset: 10}}, false},
		"one that comes again":          {at(5, 7), []*kgo.Record{{Topic: "a", Offset: 3}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := silent(t, timed{}, at(5, 7), c.own)
			if err := h.(process.Opener).Open(&page{}); err != nil {
				t.Fatal(err)
			}
			for _, r := range c.handled {
				if err := h.Handle(&page{}, r); err != nil {
					t.Fatal(err)
				}
			}
			s := &page{}
			if err := h.(process.TimerHandler).Fire(s, process.Timer{}); err != nil || (s.outputs == 1) != c.count {
				t.Errorf("%d outputs, %v, want them to count: %t", s.outputs, err, c.count)
			}
		})
	}
}

func TestCodeWithoutTimersHasNoneByBeingWithheld(t *testing.T) {
	if _, ok := silent(t, echo{}, nil, nil).(process.TimerHandler); ok {
		t.Error("it is given timers")
	}
}

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

var errOpen = errors.New("not readable")

// opener reads its state first.
type opener struct{ timed }

func (opener) Open(process.Step) error { return errOpen }

func TestCodeIsOpenedThoughItIsWithheld(t *testing.T) {
	for _, limits := range []Offsets{nil, at(1, 1)} {
		if err := silent(t, opener{}, limits, nil).(process.Opener).Open(&page{}); !errors.Is(err, errOpen) {
			t.Errorf("opened with %v", err)
		}
	}
}
