package evidenttest

import (
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/node"
)

// Driver runs the code of a processor without a node, one task of it: what
// TopologyTestDriver is for Kafka Streams. Records are given to it, its clock is moved, and
// outputs, state and timers are looked at, all in the test's own goroutine. Retries, dead
// letters, stores and timers are those of a node.
//
// Each record and each timer is a step of its own. What a node does with many at once, with
// several tasks, or when it crashes, is tested by [Run] with [WithProcessors].
type Driver struct {
	t       testing.TB
	driver  *process.Driver
	inputs  []string
	letters string // topic of dead letters

	outputs map[string][]*kgo.Record // that the test has not read, by topic
	all     map[string][]*kgo.Record // also those that it has
}

// DriverOption changes how a processor is driven.
type DriverOption func(*process.DriverConfig)

// DriveFrom has the clock begin at a time instead of midnight UTC of 2000-01-01.
func DriveFrom(at time.Time) DriverOption {
	return func(c *process.DriverConfig) { c.Now = at }
}

// DriveTask drives another task than the only one: that of a partition, of so many that
// inputs and outputs have.
func DriveTask(partition, partitions int32) DriverOption {
	return func(c *process.DriverConfig) { c.Partition, c.Partitions = partition, partitions }
}

// DriveTwice has each step undone when it is done, and done again, as on a node whose
// transaction was not committed. The test fails if the step does something else then: the
// code keeps something outside of its stores, or depends on chance.
func DriveTwice() DriverOption {
	return func(c *process.DriverConfig) { c.Twice = true }
}

// Drive makes a driver of a processor, which ends with the test. Dead letters that nobody
// has read by then fail it.
func Drive(t testing.TB, p node.Processor, opts ...DriverOption) *Driver {
	t.Helper()
	cfg := process.DriverConfig{
		Processor: p, Partitions: 1, Now: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn, ReplaceAttr: withoutTime})),
	}
	for _, o := range opts {
		o(&cfg)
	}
	driver, err := process.NewDriver(cfg)
	if err != nil {
		t.Fatalf("driving a processor: %v", err)
	}
	d := &Driver{
		t: t, driver: driver, inputs: p.Inputs, letters: driver.DeadLetters(),
		outputs: make(map[string][]*kgo.Record), all: make(map[string][]*kgo.Record),
	}
	t.Cleanup(d.end)
	return d
}

// withoutTime leaves the time out of what is logged: it is not the driver's.
func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

func (d *Driver) end() {
	d.t.Helper()
	for _, r := range d.DeadLetters() {
		d.t.Errorf("a record or timer was given up, and DeadLetters was not read since: %s", line(r))
	}
	if err := d.driver.Close(); err != nil {
		d.t.Errorf("ending the driver: %v", err)
	}
}

// Pipe gives the processor records and returns when they are handled. Without a topic they
// are of the first input, without a timestamp of now. A record on which the code fails is
// tried again as the policy says, and the clock moves on by the pauses; code that does not
// return has failed at its deadline of real time.
func (d *Driver) Pipe(records ...*kgo.Record) {
	d.t.Helper()
	for _, r := range records {
		given := *r
		if given.Topic == "" {
			given.Topic = d.inputs[0]
		}
		if err := d.driver.Put(&given); err != nil {
			d.t.Fatal(err)
		}
		d.take(d.driver.Settle())
	}
}

// PipeEvents gives the processor events as records of a topic, which is one of its inputs.
func (d *Driver) PipeEvents(topic string, events ...event.Event) {
	d.t.Helper()
	for _, e := range events {
		of, err := e.Record()
		if err != nil {
			d.t.Fatalf("event %q as a record: %v", e.ID, err)
		}
		r := &kgo.Record{Topic: topic, Key: of.Key, Value: of.Value}
		for _, h := range of.Headers {
			r.Headers = append(r.Headers, kgo.RecordHeader(h))
		}
		d.Pipe(r)
	}
}

// Now is what the clock shows.
func (d *Driver) Now() time.Time { return d.driver.Now() }

// Advance lets time pass. Timers that come due meanwhile fire at their time.
func (d *Driver) Advance(by time.Duration) {
	d.t.Helper()
	d.take(d.driver.Advance(by))
}

// Do has f do what a handler can do, as a step: put state that is to be there, or set a
// timer. If f returns an error the test fails.
func (d *Driver) Do(f func(node.Step) error) {
	d.t.Helper()
	d.take(d.driver.Do(f))
}

// Restart ends the code and makes it anew, as when its node has crashed: it has its state
// and its timers, and nothing that it kept in its own memory.
func (d *Driver) Restart() {
	d.t.Helper()
	if err := d.driver.Restart(); err != nil {
		d.t.Fatalf("starting the code again: %v", err)
	}
}

// take takes what was written.
func (d *Driver) take(written []*kgo.Record, err error) {
	d.t.Helper()
	for _, r := range written {
		d.outputs[r.Topic] = append(d.outputs[r.Topic], r)
		d.all[r.Topic] = append(d.all[r.Topic], r)
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// Outputs are the records that were written to a topic since it was asked for them last,
// in the order in which they were.
func (d *Driver) Outputs(topic string) []*kgo.Record {
	read := d.outputs[topic]
	delete(d.outputs, topic)
	return read
}

// OutputEvents are the same as events.
func (d *Driver) OutputEvents(topic string) []event.Event {
	var all []event.Event
	for _, r := range d.Outputs(topic) {
		all = append(all, eventOf(r))
	}
	return all
}

// DeadLetters are the records that were given up since it was asked for them last; headers
// say why (docs/format/dead-letters.md).
func (d *Driver) DeadLetters() []*kgo.Record { return d.Outputs(d.letters) }

// Get is the value of a key in a store; ok is false without one.
func (d *Driver) Get(store, key string) (value []byte, ok bool) {
	d.t.Helper()
	err := d.driver.View(func(s node.Step) (err error) {
		value, ok, err = s.Store(store).Get([]byte(key))
		value = slices.Clone(value)
		return err
	})
	if err != nil {
		d.t.Fatalf("key %q of store %q: %v", key, store, err)
	}
	return value, ok
}

// Entries are all that is in a store, in the order of the keys.
func (d *Driver) Entries(store string) []node.Entry {
	d.t.Helper()
	var all []node.Entry
	err := d.driver.View(func(s node.Step) error {
		for e, err := range s.Store(store).Range(nil, nil) {
			if err != nil {
				return err
			}
			all = append(all, node.Entry{Key: slices.Clone(e.Key), Value: slices.Clone(e.Value)})
		}
		return nil
	})
	if err != nil {
		d.t.Fatalf("entries of store %q: %v", store, err)
	}
	return all
}

// Timers are those that are set, first by clock and then by time.
func (d *Driver) Timers() []node.Timer {
	d.t.Helper()
	all, err := d.driver.Timers()
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}

// EventTime is that of the task; zero before the first record.
func (d *Driver) EventTime() (at time.Time) {
	d.t.Helper()
	err := d.driver.View(func(s node.Step) error {
		at = s.EventTime()
		return nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return at
}

// Golden compares all that was written with the file testdata/NAME.golden, where NAME is
// the test's, as [Node.Golden] does.
func (d *Driver) Golden(f Flow) {
	d.t.Helper()
	var topics []*topic
	for name, records := range d.all {
		topics = append(topics, &topic{name: name, partitions: []partition{{records: records}}})
	}
	golden(d.t, f.text(topics))
}
