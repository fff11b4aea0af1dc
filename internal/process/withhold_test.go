package process_test

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/vfs"
)

// A wish is what a record has the alarm do: set a timer, or take it back.
type wish struct {
	Stop bool
	At   time.Time
	// Event: by event time.
	Event bool
}

// alarm writes the key of each record, and that of a timer when it comes due.
type alarm struct{}

func (alarm) Handle(s process.Step, r *kgo.Record) error {
	var w wish
	if err := json.Unmarshal(r.Value, &w); err != nil {
		return err
	}
	tm := process.Timer{Key: r.Key, At: w.At}
	if w.Event {
		tm.Clock = process.EventClock
	}
	if err := s.Emit(process.Output{Topic: "out", Value: []byte("handled " + string(r.Key))}); err != nil {
		return err
	}
	if w.Stop {
		return s.StopTimer(tm)
	}
	return s.SetTimer(tm)
}

func (alarm) Fire(s process.Step, tm process.Timer) error {
	return s.Emit(process.Output{Topic: "out", Value: []byte("fired " + string(tm.Key))})
}

func alarms(w *process.Withholding) process.Processor {
	return process.Processor{
		Name: "alarm", Version: 2, Inputs: []string{"in"}, Timers: true, Withhold: w,
		New: func(process.Task) process.Handler { return alarm{} },
	}
}

// wish produces a wish, in a transaction.
func (h *house) wish(key string, w wish, at time.Time) {
	h.Helper()
	value, err := json.Marshal(w)
	if err != nil {
		h.Fatal(err)
	}
	c := h.node.Client(kgo.TransactionalID("wishes"))
	defer c.Close()
	if err := c.BeginTransaction(); err != nil {
		h.Fatal(err)
	}
	if err := c.ProduceSync(h.Context(), &kgo.Record{Topic: "in", Key: []byte(key), Value: value, Timestamp: at}).FirstErr(); err != nil {
		h.Fatal(err)
	}
	if err := c.EndTransaction(h.Context(), kgo.TryCommit); err != nil {
		h.Fatal(err)
	}
}

// written are the values of a topic, when everybody waits.
func (h *house) written(topic string) []string {
	h.Helper()
	time.Sleep(2 * time.Second)
	synctest.Wait()
	all := []string{}
	for _, r := range h.node.Records(topic) {
		all = append(all, string(r.Value))
	}
	return all
}

func (h *house) wrote(want ...string) {
	h.Helper()
	if got := h.written("out"); !slices.Equal(got, want) {
		h.Errorf("written is %q, want %q", got, want)
	}
}

// The place lies behind the marker of a transaction, and nothing comes after it.
func TestAVersionGoesOnBetweenTwoTimersOfTheOneThatItContinues(t *testing.T) {
	virtual(t, 1, func(h *house) {
		began := time.Now()
		after := func(s int) time.Time { return began.Add(time.Duration(s) * time.Second) }
		h.wish("early", wish{At: after(1)}, began)
		h.wish("late", wish{At: after(5)}, began)
		h.wish("paid", wish{At: after(4)}, began)
		h.wish("event early", wish{Event: true, At: after(-20)}, began)
		h.wish("event late", wish{Event: true, At: after(30)}, began)
		h.wish("paid", wish{Stop: true}, began)
		time.Sleep(10 * time.Second)
		w := &process.Withholding{
			Until: map[string]map[int32]int64{"in": {0: 12}},
			Fired: map[int32]process.Cut{0: {Wall: after(3).UnixMilli(), Event: began.UnixMilli()}},
		}
		fs := vfs.NewMem()
		disk := func(c *process.Config) { c.FS = fs }
		stop := h.run(h.service(disk), alarms(w))
		h.wrote("fired late")
		h.wish("new", wish{At: after(1)}, after(12)) // long past, and its own all the same
		h.wrote("fired late", "handled new", "fired new")
		stop()
		stop = h.run(h.service(disk), alarms(w))
		h.wish("newer", wish{At: after(2)}, after(40))
		h.wrote("fired late", "handled new", "fired new", "fired event late", "handled newer", "fired newer")
		stop()
	})
}

func TestNothingOfAVersionCountsWhileAnotherOneDoes(t *testing.T) {
	virtual(t, 1, func(h *house) {
		h.wish("a", wish{At: time.Now()}, time.Now())
		h.run(h.service(), alarms(&process.Withholding{}))
		h.wrote()
	})
}

// Where a version that stops has its timers is what another one goes on by.
func TestAVersionThatStopsSaysHowFarItsTimersHaveFired(t *testing.T) {
	virtual(t, 1, func(h *house) {
		began := time.Now()
		for i := range 20 {
			h.wish(string(rune('a'+i)), wish{At: began.Add(time.Duration(i) * time.Second)}, began)
		}
		stop := h.run(h.service(), alarms(nil))
		time.Sleep(time.Until(began.Add(9500 * time.Millisecond)))
		synctest.Wait()
		before := time.Now()
		stop()
		found, err := kadm.NewClient(h.client).FetchOffsets(kadm.RequireStable(h.Context()), process.GroupName(alarms(nil)))
		if err != nil {
			t.Fatal(err)
		}
		at, _ := found.Lookup("in", 0)
		f, ok := process.FiredOf(at.Metadata)
		if !ok || !f.Exact() || f.Through.Wall < before.UnixMilli() || f.Last.Wall != began.Add(9*time.Second).UnixMilli() || f.Through.Event != began.UnixMilli() {
			t.Errorf("it says %+v with %q, and was stopped at %d", f, at.Metadata, before.UnixMilli())
		}
	})
}
