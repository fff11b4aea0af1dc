package process_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/vfs"
)

// counter counts per key, and writes each count.
func counter(name string) process.Processor {
	return process.Processor{
		Name: name, Version: 1, Inputs: []string{"in"}, Stores: []process.StoreConfig{{Name: "counts"}},
		New: func(process.Task) process.Handler {
			return process.HandlerFunc(func(s process.Step, r *kgo.Record) error {
				counts := s.Store("counts")
				was, _, err := counts.Get(r.Key)
				if err != nil {
					return err
				}
				now := uint64(1)
				if was != nil {
					now += binary.BigEndian.Uint64(was)
				}
				if err := counts.Put(r.Key, binary.BigEndian.AppendUint64(nil, now)); err != nil {
					return err
				}
				return s.Emit(process.Output{Topic: "out", Key: r.Key, Value: fmt.Appendf(nil, "%s=%d", r.Key, now)})
			})
		},
	}
}

// counts are what a counter writes for n records of each key.
func counts(keys []string, n int) []string {
	var all []string
	for _, k := range keys {
		for i := range n {
			all = append(all, fmt.Sprintf("%s=%d", k, i+1))
		}
	}
	return all
}

func TestStateGoesOnWhereItWas(t *testing.T) {
	for _, keep := range []bool{true, false} {
		t.Run(fmt.Sprintf("folder=%t", keep), func(t *testing.T) {
			virtual(t, 3, func(h *house) {
				keys, disk := numbers(0, 50), vfs.NewMem()
				for round := range 4 {
					stop := h.run(h.service(func(c *process.Config) {
						if keep {
							c.FS = disk
						}
					}), counter("count"))
					h.produce("in", keys...)
					h.read("out", 50*(round+1))
					stop()
				}
				h.once(h.read("out", 200), counts(keys, 4))
			})
		})
	}
}

// reminder sets a timer for each record, and writes what is due.
type reminder struct{ clock process.Clock }

func (h reminder) Handle(s process.Step, r *kgo.Record) error {
	return s.SetTimer(process.Timer{Clock: h.clock, Key: r.Key, Name: "remind", At: r.Timestamp.Add(50 * time.Millisecond)})
}

func (h reminder) Fire(s process.Step, t process.Timer) error {
	return s.Emit(process.Output{Topic: "out", Key: t.Key, Value: t.Key})
}

func TestTimersFire(t *testing.T) {
	for _, clock := range []process.Clock{process.WallClock, process.EventClock} {
		t.Run(fmt.Sprint("clock ", clock), func(t *testing.T) {
			virtual(t, 2, func(h *house) {
				h.run(h.service(), process.Processor{
					Name: "remind", Version: 1, Inputs: []string{"in"}, Timers: true,
					New: func(process.Task) process.Handler { return reminder{clock} },
				})
				h.produce("in", numbers(0, 100)...)
				if clock == process.EventClock {
					for p := range int32(2) { // time goes on in both partitions
						r := &kgo.Record{Topic: "in", Partition: p, Key: []byte("later"), Timestamp: time.Now().Add(time.Second)}
						c := h.node.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
						if err := c.ProduceSync(h.Context(), r).FirstErr(); err != nil {
							t.Fatal(err)
						}
					}
				}
				h.once(h.read("out", 100), numbers(0, 100))
			})
		})
	}
}

func TestWhatAFailedCallDidIsUndone(t *testing.T) {
	virtual(t, 1, func(h *house) {
		p := counter("undo")
		p.Policy = process.Policy{Attempts: 2, Backoff: time.Millisecond}
		inner := p.New(process.Task{})
		p.New = func(process.Task) process.Handler {
			return process.HandlerFunc(func(s process.Step, r *kgo.Record) error {
				if err := inner.Handle(s, r); err != nil {
					return err
				}
				if strings.HasPrefix(string(r.Value), "bad") {
					panic("after all was done")
				}
				return nil
			})
		}
		c := h.client
		for i := range 20 {
			value := "good"
			if i%3 == 0 {
				value = "bad"
			}
			if err := c.ProduceSync(h.Context(), &kgo.Record{Topic: "in", Key: []byte("k"), Value: []byte(value)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		h.run(h.service(), p)
		h.once(h.read("out", 13), counts([]string{"k"}, 13))
		h.read("dlq.undo", 7)
	})
}

// ordered sets a timer of event time for the first record, and writes in which order it is called.
type ordered struct{}

func (ordered) Handle(s process.Step, r *kgo.Record) error {
	if string(r.Value) == "first" {
		return s.SetTimer(process.Timer{Clock: process.EventClock, Key: r.Key, Name: "t", At: r.Timestamp.Add(time.Minute)})
	}
	return s.Emit(process.Output{Topic: "out", Value: r.Value})
}

func (ordered) Fire(s process.Step, _ process.Timer) error {
	return s.Emit(process.Output{Topic: "out", Value: []byte("timer")})
}

// Whether records come one by one or together changes nothing.
func TestATimerFiresBeforeTheRecordThatMakesItDue(t *testing.T) {
	for name, together := range map[string]bool{"together": true, "one by one": false} {
		t.Run(name, func(t *testing.T) {
			virtual(t, 1, func(h *house) {
				h.run(h.service(), process.Processor{
					Name: "ordered", Version: 1, Inputs: []string{"in"}, Timers: true,
					New: func(process.Task) process.Handler { return ordered{} },
				})
				var rs []*kgo.Record
				for i, v := range []string{"first", "second", "third"} {
					rs = append(rs, &kgo.Record{Topic: "in", Key: []byte("k"), Value: []byte(v), Timestamp: time.Now().Add(time.Duration(i-2) * 10 * time.Minute)})
				}
				for len(rs) > 0 {
					n := 1
					if together {
						n = len(rs)
					}
					if err := h.client.ProduceSync(h.Context(), rs[:n]...).FirstErr(); err != nil {
						t.Fatal(err)
					}
					rs = rs[n:]
					time.Sleep(time.Second)
				}
				var got []string
				for _, r := range h.read("out", 3) {
					got = append(got, string(r.Value))
				}
				if want := []string{"timer", "second", "third"}; !slices.Equal(got, want) {
					t.Errorf("written: %q, want %q", got, want)
				}
			})
		})
	}
}
