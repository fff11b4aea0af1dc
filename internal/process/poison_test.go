package process_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process"
)

// with is an identity processor whose code is preceded by f.
func with(name string, f func(process.Step, *kgo.Record) error) process.Processor {
	p := identity(name, 1)
	inner := p.New(process.Task{})
	p.New = func(process.Task) process.Handler {
		return process.HandlerFunc(func(s process.Step, r *kgo.Record) error {
			if err := f(s, r); err != nil {
				return err
			}
			return inner.Handle(s, r)
		})
	}
	return p
}

// header is the last header with a key.
func header(r *kgo.Record, key string) (value string) {
	for _, h := range r.Headers {
		if h.Key == key {
			value = string(h.Value)
		}
	}
	return value
}

func TestARecordIsTriedAsOftenAndAsLateAsThePolicySays(t *testing.T) {
	virtual(t, 1, func(h *house) {
		var tries []time.Time
		p := with("late", func(_ process.Step, r *kgo.Record) error {
			if string(r.Value) == "1" {
				tries = append(tries, time.Now())
				return errors.New("no")
			}
			return nil
		})
		p.Policy = process.Policy{Attempts: 4, Backoff: time.Second, MaxBackoff: 3 * time.Second}
		h.run(h.service(), p)
		h.produce("in", "0", "1", "2")
		h.once(h.read("out", 2), []string{"0", "2"})
		letter := h.read("dlq.late", 1)[0]
		for i, want := range []time.Duration{time.Second, 2 * time.Second, 3 * time.Second} {
			if got := tries[i+1].Sub(tries[i]).Round(100 * time.Millisecond); got != want {
				t.Errorf("attempt %d came after %v, want %v", i+2, got, want)
			}
		}
		for key, want := range map[string]string{
			"__dlq.errors.message": "no", "__dlq.errors.delivery.count": "4", "__dlq.errors.topic": "in", "__dlq.errors.partition": "0",
			"__dlq.errors.offset": "1", "__dlq.errors.group": "evident-process.late.1",
		} {
			if got := header(letter, key); got != want {
				t.Errorf("header %s is %q, want %q", key, got, want)
			}
		}
		if string(letter.Key) != "1" || string(letter.Value) != "1" || len(tries) != 4 {
			t.Errorf("letter %q=%q after %d attempts", letter.Key, letter.Value, len(tries))
		}
	})
}

func TestOtherTasksGoOnWhileOneWaits(t *testing.T) {
	virtual(t, 2, func(h *house) {
		p := with("wait", func(_ process.Step, r *kgo.Record) error {
			if r.Partition == 0 {
				return errors.New("no")
			}
			return nil
		})
		p.Policy = process.Policy{Attempts: 2, Backoff: time.Hour, MaxBackoff: time.Hour}
		h.run(h.service(func(c *process.Config) { c.Workers = 1 }), p)
		c := h.node.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
		for i := range 40 {
			if err := c.ProduceSync(h.Context(), &kgo.Record{Topic: "in", Partition: int32(i % 2), Value: fmt.Append(nil, i)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		h.read("out", 20)
	})
}

func TestARejectedRecordIsNotTriedAgain(t *testing.T) {
	virtual(t, 1, func(h *house) {
		var calls atomic.Int32
		h.run(h.service(), with("reject", func(process.Step, *kgo.Record) error {
			calls.Add(1)
			return fmt.Errorf("%w: for good", process.ErrReject)
		}))
		h.produce("in", "a")
		h.read("dlq.reject", 1)
		if n := calls.Load(); n != 1 {
			t.Errorf("%d calls", n)
		}
	})
}

func TestCodeThatDoesNotReturnIsGivenUpAndHarmsNobody(t *testing.T) {
	virtual(t, 1, func(h *house) {
		release := make(chan struct{})
		var late sync.WaitGroup
		var after atomic.Value
		p := with("stuck", func(s process.Step, r *kgo.Record) error {
			if string(r.Value) != "1" {
				return nil
			}
			if err := s.Emit(process.Output{Topic: "out", Value: []byte("undone")}); err != nil {
				return err
			}
			late.Add(1)
			defer late.Done()
			<-s.Context().Done()
			<-release
			after.Store(s.Emit(process.Output{Topic: "out", Value: []byte("too late")}))
			return nil
		})
		p.Policy = process.Policy{Attempts: 2, Backoff: time.Second, Deadline: time.Minute}
		h.run(h.service(), p)
		h.produce("in", "0", "1", "2")
		h.once(h.read("out", 2), []string{"0", "2"})
		if letter := h.read("dlq.stuck", 1)[0]; !strings.Contains(header(letter, "__dlq.errors.message"), "in time: 1m0s") {
			t.Errorf("reason %q", header(letter, "__dlq.errors.message"))
		}
		close(release)
		late.Wait()
		if err, _ := after.Load().(error); !errors.Is(err, process.ErrDead) {
			t.Errorf("a step that is over gave %v", err)
		}
		h.produce("in", "3")
		h.once(h.read("out", 3), []string{"0", "2", "3"})
	})
}

func TestATaskStopsBeforeItHasAbandonedTooMuch(t *testing.T) {
	virtual(t, 1, func(h *house) {
		release := make(chan struct{})
		p := with("stuck", func(process.Step, *kgo.Record) error { <-release; return nil })
		p.Policy = process.Policy{Attempts: 1, Deadline: time.Second}
		s := h.service()
		h.run(s, p)
		h.Cleanup(func() { close(release) })
		h.produce("in", numbers(0, 10)...)
		h.read("dlq.stuck", 3)
		time.Sleep(time.Minute)
		run, _ := s.Find("stuck", 1)
		tasks := run.Tasks()
		if len(tasks) != 1 || tasks[0].State != process.Stopped || !strings.Contains(tasks[0].Reason, "have not returned") {
			t.Errorf("tasks %+v", tasks)
		}
	})
}

func TestAnOutputThatNoTopicTakesIsARecordsFailure(t *testing.T) {
	for name, out := range map[string]process.Output{
		"no topic":     {Topic: "nowhere"},
		"no partition": {Topic: "out", Placed: true, Partition: 7},
		"too large":    {Topic: "out", Value: make([]byte, 2<<20)},
	} {
		t.Run(name, func(t *testing.T) {
			virtual(t, 1, func(h *house) {
				p := with("bad", func(s process.Step, r *kgo.Record) error {
					if string(r.Value) == "1" {
						return s.Emit(out)
					}
					return nil
				})
				p.Policy = process.Policy{Attempts: 2}
				h.run(h.service(), p)
				h.produce("in", "0", "1", "2")
				h.once(h.read("out", 2), []string{"0", "2"})
				t.Log(header(h.read("dlq.bad", 1)[0], "__dlq.errors.message"))
			})
		})
	}
}

func TestARecordThatATopicRefusesIsFoundAmongOthers(t *testing.T) {
	virtual(t, 2, func(h *house) {
		compacted := map[string]*string{"cleanup.policy": kadm.StringPtr("compact")} // takes no records without keys
		if _, err := kadm.NewClient(h.client).CreateTopic(h.Context(), 1, 1, compacted, "keyed"); err != nil {
			t.Fatal(err)
		}
		p := with("refused", func(s process.Step, r *kgo.Record) error {
			if string(r.Value) == "50" {
				return s.Emit(process.Output{Topic: "keyed", Value: r.Value})
			}
			return nil
		})
		h.produce("in", numbers(0, 100)...)
		h.run(h.service(), p)
		want := append(numbers(0, 50), numbers(51, 100)...)
		h.once(h.read("out", 99), want)
		if letter := h.read("dlq.refused", 1)[0]; !strings.Contains(header(letter, "__dlq.errors.message"), "does not take") {
			t.Errorf("reason %q", header(letter, "__dlq.errors.message"))
		}
	})
}

// forwarder sets a timer for each record, at once, and writes it to a topic when it is
// due; odd ones without a key.
type forwarder struct{ topic string }

func (f forwarder) Handle(s process.Step, r *kgo.Record) error {
	return s.SetTimer(process.Timer{Key: r.Key, Name: "forward", At: s.Now().Add(time.Second)})
}

func (f forwarder) Fire(s process.Step, t process.Timer) error {
	o := process.Output{Topic: f.topic, Key: t.Key, Value: t.Key}
	if (t.Key[len(t.Key)-1]-'0')%2 == 1 {
		o.Key = nil
	}
	return s.Emit(o)
}

func TestATimerWhoseOutputATopicRefusesIsFoundAmongOthers(t *testing.T) {
	virtual(t, 1, func(h *house) {
		compacted := map[string]*string{"cleanup.policy": kadm.StringPtr("compact")} // takes no records without keys
		if _, err := kadm.NewClient(h.client).CreateTopic(h.Context(), 1, 1, compacted, "keyed"); err != nil {
			t.Fatal(err)
		}
		h.produce("in", numbers(0, 10)...)
		h.run(h.service(), process.Processor{
			Name: "timers", Version: 1, Inputs: []string{"in"}, Timers: true,
			New: func(process.Task) process.Handler { return forwarder{"keyed"} },
		})
		h.once(h.read("keyed", 5), []string{"0", "2", "4", "6", "8"})
		for _, letter := range h.read("dlq.timers", 5) {
			if got := header(letter, "__dlq.errors.timer"); got != "forward" || (letter.Key[0]-'0')%2 != 1 {
				t.Errorf("letter of timer %q of key %q", got, letter.Key)
			}
		}
	})
}

// bombs are timers that are due at once; one panics, one does not return by its deadline,
// and the others are written.
type bombs struct{}

func (bombs) Handle(s process.Step, r *kgo.Record) error {
	return s.SetTimer(process.Timer{Key: r.Key, Name: "bomb", At: r.Timestamp.Add(time.Minute)})
}

func (bombs) Fire(s process.Step, t process.Timer) error {
	switch string(t.Key) {
	case "3":
		panic("bomb")
	case "6":
		<-s.Context().Done()
		return s.Context().Err()
	}
	return s.Emit(process.Output{Topic: "out", Value: t.Key})
}

func TestTimersThatFailAreFoundAmongThoseDueAtOnce(t *testing.T) {
	virtual(t, 1, func(h *house) {
		h.produce("in", numbers(0, 10)...)
		h.run(h.service(), process.Processor{
			Name: "bombs", Version: 1, Inputs: []string{"in"}, Timers: true,
			New: func(process.Task) process.Handler { return bombs{} },
		})
		h.once(h.read("out", 8), []string{"0", "1", "2", "4", "5", "7", "8", "9"})
		for _, letter := range h.read("dlq.bombs", 2) {
			if k := string(letter.Key); k != "3" && k != "6" {
				t.Errorf("a letter of key %q", k)
			}
		}
	})
}

func TestALetterThatIsTooLargeIsWrittenWithoutItsValue(t *testing.T) {
	virtual(t, 1, func(h *house) {
		small := map[string]*string{"max.message.bytes": kadm.StringPtr("4000")}
		if _, err := kadm.NewClient(h.client).CreateTopic(h.Context(), 1, 1, small, "dlq.large"); err != nil {
			t.Fatal(err)
		}
		p := with("large", func(process.Step, *kgo.Record) error { return process.ErrReject })
		h.run(h.service(), p)
		large := strings.Repeat("x", 5000)
		for _, r := range []*kgo.Record{
			{Topic: "in", Key: []byte("k"), Value: []byte(large)},
			{Topic: "in", Key: []byte(large), Value: []byte("v")},
		} {
			if err := h.client.ProduceSync(h.Context(), r).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		letters := h.read("dlq.large", 2)
		if l := letters[0]; string(l.Key) != "k" || l.Value != nil || header(l, "__dlq.errors.left.out") != "value of 5000 bytes" {
			t.Errorf("%q=%q, left out: %q", l.Key, l.Value, header(l, "__dlq.errors.left.out"))
		}
		if l := letters[1]; l.Key != nil || !strings.HasPrefix(header(l, "__dlq.errors.left.out"), "key of 5000 bytes") || header(l, "__dlq.errors.offset") != "1" {
			t.Errorf("%q=%q, left out: %q", l.Key, l.Value, header(l, "__dlq.errors.left.out"))
		}
	})
}

// Its input takes such a record, and the topic of dead letters would not.
func TestALetterOfARecordAheadOfTheClockIsWritten(t *testing.T) {
	virtual(t, 1, func(h *house) {
		set := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "message.timestamp.after.max.ms", Value: kadm.StringPtr("9223372036854775807")}}
		if resp, err := kadm.NewClient(h.client).AlterTopicConfigs(h.Context(), set, "in"); err != nil || resp[0].Err != nil {
			t.Fatal(err, resp)
		}
		h.run(h.service(), with("ahead", func(process.Step, *kgo.Record) error { return process.ErrReject }))
		r := &kgo.Record{Topic: "in", Value: []byte("v"), Timestamp: time.Now().Add(48 * time.Hour)}
		if err := h.client.ProduceSync(h.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if letter := h.read("dlq.ahead", 1)[0]; letter.Timestamp.After(time.Now()) {
			t.Errorf("the letter says %v, and it is %v", letter.Timestamp, time.Now())
		}
	})
}

func TestRecordsAreHandledAtOnceAndTheirOutputsAreInOrder(t *testing.T) {
	virtual(t, 1, func(h *house) {
		var now, most atomic.Int32
		keys := map[string]int{}
		var mu sync.Mutex
		p := with("at-once", func(s process.Step, r *kgo.Record) error {
			most.Store(max(most.Load(), now.Add(1)))
			defer now.Add(-1)
			mu.Lock()
			key := string(r.Key)
			if keys[key]++; keys[key] > 1 {
				t.Errorf("%d records of key %q at once", keys[key], key)
			}
			mu.Unlock()
			time.Sleep(time.Duration(100-r.Offset) * time.Millisecond)
			mu.Lock()
			keys[key]--
			mu.Unlock()
			if r.Offset == 42 {
				return fmt.Errorf("%w: 42", process.ErrReject)
			}
			return nil
		})
		p.Concurrency = 8
		var rs []*kgo.Record
		for i := range 100 {
			rs = append(rs, &kgo.Record{Topic: "in", Key: fmt.Append(nil, i%20), Value: fmt.Append(nil, i)})
		}
		if err := h.client.ProduceSync(h.Context(), rs...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		h.run(h.service(), p)
		want := append(numbers(0, 42), numbers(43, 100)...)
		for i, r := range h.read("out", 99) {
			if string(r.Value) != want[i] {
				t.Fatalf("output %d is %q, want %q", i, r.Value, want[i])
			}
		}
		h.read("dlq.at-once", 1)
		if most.Load() < 2 {
			t.Error("nothing was handled at once")
		}
	})
}

func TestWhatTheChangelogRefusesIsNoRecordsFault(t *testing.T) {
	virtual(t, 1, func(h *house) {
		h.run(h.service(), counter("strict"))
		h.produce("in", "0")
		h.read("out", 1)
		takes := func(bytes string) {
			set := []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "max.message.bytes", Value: &bytes}}
			resp, err := kadm.NewClient(h.client).AlterTopicConfigs(h.Context(), set, "evident-process.strict.1.changelog")
			if err != nil || resp[0].Err != nil {
				t.Fatal(err, resp)
			}
		}
		takes("80")
		h.produce("in", "0")
		time.Sleep(time.Minute) // for all attempts that there could be
		takes("1000000")
		h.once(h.read("out", 2), []string{"0=1", "0=2"})
	})
}

// opened has to be opened before it is given anything.
type opened struct {
	process.Handler
	is bool
}

func (o *opened) Open(s process.Step) error {
	o.is = true
	return s.Store("counts").Put([]byte("no"), nil)
}

func (o *opened) Handle(s process.Step, r *kgo.Record) error {
	if !o.is {
		return fmt.Errorf("%w: it was not opened", process.ErrReject)
	}
	if string(r.Value) == "1" {
		<-s.Context().Done()
		return nil
	}
	if _, ok, err := s.Store("counts").Get([]byte("no")); ok || err != nil {
		return fmt.Errorf("%w: what opening has put is there: %v", process.ErrReject, err)
	}
	return o.Handler.Handle(s, r)
}

func TestCodeThatIsMadeAfterACallWasGivenUpIsOpenedToo(t *testing.T) {
	virtual(t, 1, func(h *house) {
		p := counter("opened")
		p.Policy = process.Policy{Attempts: 1, Deadline: time.Second}
		made := p.New
		p.New = func(t process.Task) process.Handler { return &opened{Handler: made(t)} }
		h.run(h.service(), p)
		h.produce("in", "0", "1", "2")
		h.once(h.read("out", 2), []string{"0=1", "2=1"})
	})
}
