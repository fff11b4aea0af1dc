package evidenttest_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/node"
)

// everything is a processor that does all that code can do, as its records say.
func everything() node.Processor {
	return node.Processor{
		Name: "everything", Version: 1, Inputs: []string{"in"}, Timers: true, Lateness: 10 * time.Second,
		Stores: []node.StoreConfig{{Name: "counts"}, {Name: "short", TTL: 2 * time.Minute}},
		Policy: node.Policy{Attempts: 2, Backoff: 100 * time.Millisecond},
		New:    func(node.Task) node.Handler { return &doer{failed: map[string]bool{}} },
	}
}

type doer struct{ failed map[string]bool }

var things = []string{"count", "count", "wall", "event", "stop", "short", "look", "delete", "reject", "panic", "fail once", "far ahead"}

// Handle does what the record says, and writes what it found.
func (d *doer) Handle(s node.Step, r *kgo.Record) error {
	n, err := add(s.Store("counts"), r.Key)
	if err != nil {
		return err
	}
	found := ""
	switch string(r.Value) {
	case "wall":
		err = s.SetTimer(node.Timer{Key: r.Key, Name: "wall", At: r.Timestamp.Add(67 * time.Second)})
	case "event", "far ahead":
		err = s.SetTimer(node.Timer{Clock: node.EventClock, Key: r.Key, Name: "event", At: r.Timestamp.Add(87 * time.Second)})
	case "stop":
		err = s.StopTimer(node.Timer{Key: r.Key, Name: "wall"})
	case "short":
		err = s.Store("short").Put(r.Key, fmt.Append(nil, n))
	case "look":
		for e, err := range s.Store("short").Range(nil, nil) {
			if err != nil {
				return err
			}
			found += fmt.Sprintf(" %s=%s", e.Key, e.Value)
		}
	case "delete":
		err = s.Store("counts").Delete(r.Key)
	}
	if err == nil {
		err = s.Emit(node.Output{Topic: "out", Key: r.Key, Value: fmt.Appendf(nil, "%s %d at %v%s", r.Value, n, s.EventTime().Unix(), found)})
	}
	if err != nil {
		return err
	}
	return d.fail(r)
}

// fail fails on records that say so, after all was done.
func (d *doer) fail(r *kgo.Record) error {
	switch id := fmt.Sprint(r.Offset); {
	case string(r.Value) == "reject":
		return fmt.Errorf("%w: as it says", node.ErrReject)
	case string(r.Value) == "panic":
		panic("as it says")
	case string(r.Value) == "fail once" && !d.failed[id]:
		d.failed[id] = true
		return errors.New("as it says")
	}
	return nil
}

// Fire writes that it was called.
func (d *doer) Fire(s node.Step, t node.Timer) error {
	n, err := add(s.Store("counts"), t.Key)
	if err != nil {
		return err
	}
	return s.Emit(node.Output{Topic: "out", Key: t.Key, Value: fmt.Appendf(nil, "fired %s %d due %v", t.Name, n, t.At.Unix())})
}

// add counts a key.
func add(counts node.Store, key []byte) (int, error) {
	was, _, err := counts.Get(key)
	if err != nil {
		return 0, err
	}
	n, _ := strconv.Atoi(string(was))
	return n + 1, counts.Put(key, fmt.Append(nil, n+1))
}

// work is what a test of everything is given: a record each 20 seconds.
func work(seed uint64, begin time.Time) []*kgo.Record {
	rng := rand.New(rand.NewPCG(seed, seed))
	var all []*kgo.Record
	for i := range 45 {
		at := begin.Add(time.Duration(i+1) * 20 * time.Second)
		r := &kgo.Record{Topic: "in", Key: fmt.Append(nil, rng.IntN(4)), Value: []byte(things[rng.IntN(len(things))]), Timestamp: at}
		if string(r.Value) == "far ahead" {
			r.Timestamp = at.Add(48 * time.Hour) // does not count
		}
		all = append(all, r)
	}
	return all
}

func shown(records []*kgo.Record) (all []string) {
	for _, r := range records {
		all = append(all, fmt.Sprintf("%s %s=%s", r.Timestamp.UTC().Format("15:04:05"), r.Key, r.Value))
	}
	return all
}

// What a driver shows is what a node does with the same records at the same times.
func TestADriverDoesWhatANodeDoes(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			var begin time.Time
			var want, letters []string
			evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
				any := "9223372036854775807"
				for _, topic := range []string{"in", "out"} {
					makeTopic(t, n, topic, 1, map[string]*string{"message.timestamp.after.max.ms": &any})
				}
				n.Advance(time.Second)
				begin = time.Now().Truncate(time.Millisecond)
				c := n.Client()
				for i, r := range work(seed, begin) {
					time.Sleep(time.Until(begin.Add(time.Duration(i+1) * 20 * time.Second)))
					if err := c.ProduceSync(t.Context(), r).FirstErr(); err != nil {
						t.Fatal(err)
					}
				}
				n.Advance(3 * time.Minute)
				want, letters = shown(n.Records("out")), shown(n.Records("dlq.everything"))
			}, evidenttest.WithProcessors(everything()), evidenttest.WithoutLedger())

			d := evidenttest.Drive(t, everything(), evidenttest.DriveFrom(begin))
			for i, r := range work(seed, begin) {
				d.Advance(begin.Add(time.Duration(i+1) * 20 * time.Second).Sub(d.Now()))
				d.Pipe(r)
			}
			d.Advance(3 * time.Minute)
			if got := shown(d.Outputs("out")); !slices.Equal(got, want) {
				t.Errorf("the driver wrote\n%s\nand the node\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if got := shown(d.DeadLetters()); !slices.Equal(got, letters) || len(got) == 0 {
				t.Errorf("the driver gave up %q, and the node %q", got, letters)
			}
		})
	}
}

// dunning reminds of orders that are not paid: each time that so long has passed, three
// times at most.
func dunning(every time.Duration) node.Processor {
	return node.Processor{
		Name: "dunning", Version: 1, Inputs: []string{"orders", "payments"}, Timers: true,
		Stores: []node.StoreConfig{{Name: "reminders"}},
		New:    func(node.Task) node.Handler { return dunner{every} },
	}
}

type dunner struct{ every time.Duration }

func (d dunner) Handle(s node.Step, r *kgo.Record) error {
	reminder := node.Timer{Key: r.Key, Name: "remind", At: s.Now().Add(d.every)}
	if r.Topic == "payments" {
		return s.StopTimer(reminder)
	}
	return s.SetTimer(reminder)
}

func (d dunner) Fire(s node.Step, t node.Timer) error {
	n, err := add(s.Store("reminders"), t.Key)
	if err != nil || n > 3 {
		return err
	}
	if err := s.Emit(node.Output{Topic: "reminders", Key: t.Key, Value: fmt.Append(nil, n)}); err != nil {
		return err
	}
	t.At = t.At.Add(d.every)
	return s.SetTimer(t)
}

func TestTimersOfADriverFireAtTheirTime(t *testing.T) {
	d := evidenttest.Drive(t, dunning(time.Hour))
	d.Pipe(&kgo.Record{Topic: "orders", Key: []byte("a")})
	d.Advance(30 * time.Minute)
	d.Pipe(&kgo.Record{Topic: "orders", Key: []byte("b")})
	if timers := d.Timers(); len(timers) != 2 || string(timers[0].Key) != "a" || timers[1].At.Sub(d.Now()) != time.Hour {
		t.Errorf("timers %v", timers)
	}
	d.Advance(time.Hour)
	d.Pipe(&kgo.Record{Topic: "payments", Key: []byte("b")})
	d.Advance(24 * time.Hour)
	want := []string{"01:00:00 a=1", "01:30:00 b=1", "02:00:00 a=2", "03:00:00 a=3"}
	if got := shown(d.Outputs("reminders")); !slices.Equal(got, want) {
		t.Errorf("reminders %q, want %q", got, want)
	}
	if left := d.Outputs("reminders"); len(left) > 0 {
		t.Errorf("what was read is there again: %q", shown(left))
	}
	if n, ok := d.Get("reminders", "a"); !ok || string(n) != "4" {
		t.Errorf("a has %q, %t", n, ok)
	}
	if len(d.Timers()) > 0 || d.Now() != time.Date(2000, 1, 2, 1, 30, 0, 0, time.UTC) {
		t.Errorf("at %v there are timers %v", d.Now(), d.Timers())
	}
}

func TestADriverTriesAgainByItsOwnClock(t *testing.T) {
	var tries []time.Time
	d := evidenttest.Drive(t, node.Processor{
		Name: "late", Version: 1, Inputs: []string{"in"}, Policy: node.Policy{Attempts: 3, Backoff: time.Minute, MaxBackoff: time.Hour},
		New: func(node.Task) node.Handler {
			return node.HandlerFunc(func(s node.Step, r *kgo.Record) error {
				tries = append(tries, s.Now())
				if err := s.Emit(node.Output{Topic: "out", Value: []byte("undone")}); err != nil {
					return err
				}
				return errors.New("no")
			})
		},
	})
	began := d.Now()
	d.Pipe(&kgo.Record{Key: []byte("k")})
	if len(tries) != 3 || tries[1].Sub(began) != time.Minute || tries[2].Sub(tries[1]) != 2*time.Minute {
		t.Errorf("tried at %v", tries)
	}
	if out := d.Outputs("out"); len(out) > 0 {
		t.Errorf("what failed has written %q", shown(out))
	}
	if letters := d.DeadLetters(); len(letters) != 1 || string(letters[0].Key) != "k" || letters[0].Topic != "dlq.late" {
		t.Errorf("dead letters %q", shown(letters))
	}
}

func TestARestartLeavesStateAndTakesWhatTheCodeKeptForItself(t *testing.T) {
	d := evidenttest.Drive(t, remembering())
	d.Do(func(s node.Step) error { return s.Store("seen").Put([]byte("k"), []byte("4")) })
	d.Pipe(&kgo.Record{Key: []byte("k")})
	d.Restart()
	d.Pipe(&kgo.Record{Key: []byte("k")})
	if got, want := shown(d.Outputs("out")), []string{"00:00:00 k=5 and 1", "00:00:00 k=6 and 1"}; !slices.Equal(got, want) {
		t.Errorf("outputs %q, want %q", got, want)
	}
	if all := d.Entries("seen"); len(all) != 1 || string(all[0].Value) != "6" {
		t.Errorf("the store has %q", all)
	}
}

// remembering counts in its store, and in its memory, which it must not rely on.
func remembering() node.Processor {
	return node.Processor{
		Name: "remembering", Version: 1, Inputs: []string{"in"}, Stores: []node.StoreConfig{{Name: "seen"}},
		New: func(node.Task) node.Handler {
			mine := 0
			return node.HandlerFunc(func(s node.Step, r *kgo.Record) error {
				n, err := add(s.Store("seen"), r.Key)
				if err != nil {
					return err
				}
				mine++
				return s.Emit(node.Output{Topic: "out", Key: r.Key, Value: fmt.Appendf(nil, "%d and %d", n, mine)})
			})
		},
	}
}

func TestCodeThatIsNotUndoneIsFoundByDrivingItTwice(t *testing.T) {
	said := whatDriverSays(t, func(t testing.TB) {
		evidenttest.Drive(t, remembering(), evidenttest.DriveTwice()).Pipe(&kgo.Record{Key: []byte("k")})
	})
	if want := `did something else: it wrote ["out: k=1 and 1"], and then ["out: k=1 and 2"]`; !strings.Contains(said, want) {
		t.Errorf("it says %q, want %q", said, want)
	}
	d := evidenttest.Drive(t, dunning(time.Hour), evidenttest.DriveTwice())
	d.Pipe(&kgo.Record{Topic: "orders", Key: []byte("a")})
	d.Advance(5 * time.Hour)
	if n := len(d.Outputs("reminders")); n != 3 {
		t.Errorf("%d reminders", n)
	}
}

func TestADeadLetterThatNobodyReadsFailsTheTest(t *testing.T) {
	said := whatDriverSays(t, func(t testing.TB) {
		evidenttest.Drive(t, everything()).Pipe(&kgo.Record{Key: []byte("k"), Value: []byte("reject")})
	})
	if !strings.Contains(said, "given up") || !strings.Contains(said, "k reject") {
		t.Errorf("it says %q", said)
	}
}

func TestADriverSaysWhatItCannotDo(t *testing.T) {
	for want, test := range map[string]func(t testing.TB){
		`"nowhere" of a record is none of the inputs ["in"]`: func(t testing.TB) {
			evidenttest.Drive(t, everything()).Pipe(&kgo.Record{Topic: "nowhere"})
		},
		"no such store":  func(t testing.TB) { evidenttest.Drive(t, everything()).Get("nothing", "k") },
		"has no timers":  func(t testing.TB) { evidenttest.Drive(t, remembering()).Timers() },
		"want 1 or more": func(t testing.TB) { evidenttest.Drive(t, node.Processor{Name: "x"}) },
		"task 3 of 3":    func(t testing.TB) { evidenttest.Drive(t, everything(), evidenttest.DriveTask(3, 3)) },
		"without end":    func(t testing.TB) { evidenttest.Drive(t, endless()).Pipe(&kgo.Record{Key: []byte("k")}) },
		"the code has no bed": func(t testing.TB) {
			p := remembering()
			p.New = func(node.Task) node.Handler { panic("the code has no bed") }
			evidenttest.Drive(t, p)
		},
	} {
		if said := whatDriverSays(t, test); !strings.Contains(said, want) {
			t.Errorf("it says %q, want %q", said, want)
		}
	}
}

// endless sets a timer that is due at once whenever it fires.
func endless() node.Processor {
	return node.Processor{
		Name: "endless", Version: 1, Inputs: []string{"in"}, Timers: true,
		New: func(node.Task) node.Handler { return mill{} },
	}
}

type mill struct{}

func (mill) Handle(s node.Step, r *kgo.Record) error {
	return s.SetTimer(node.Timer{Key: r.Key, Name: "turn", At: s.Now()})
}

func (mill) Fire(s node.Step, t node.Timer) error { return s.SetTimer(t) }

func TestADriverIsTheTaskThatItIsToldToBe(t *testing.T) {
	d := evidenttest.Drive(t, node.Processor{
		Name: "which", Version: 1, Inputs: []string{"in"},
		New: func(task node.Task) node.Handler {
			return node.HandlerFunc(func(s node.Step, r *kgo.Record) error {
				if r.Partition != task.Partition {
					return fmt.Errorf("a record of %d in task %d", r.Partition, task.Partition)
				}
				return s.Emit(node.Output{Topic: "out", Value: fmt.Appendf(nil, "%d of %d", task.Partition, task.Partitions)})
			})
		},
	}, evidenttest.DriveTask(2, 5))
	d.Pipe(&kgo.Record{}, &kgo.Record{})
	out := d.Outputs("out")
	if len(out) != 2 || string(out[1].Value) != "2 of 5" || out[1].Partition != 2 || out[1].Offset != 1 {
		t.Errorf("outputs %+v", out)
	}
}

// whatDriverSays is what a test that is to fail says.
func whatDriverSays(t *testing.T, test func(t testing.TB)) string {
	t.Helper()
	f := &failing{TB: t}
	t.Run("", func(t *testing.T) {
		f.TB = t
		done := make(chan struct{})
		go func() {
			defer close(done)
			test(f)
		}()
		<-done
	})
	if !f.failed {
		t.Error("the test passed")
	}
	return f.said.String()
}
