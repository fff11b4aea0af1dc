package process

import (
	"context"
	"iter"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process/timer"
)

// A Handler is the code of a processor for one task.
type Handler interface {
	// Handle is given one record, and has until the policy's deadline. An error, or a
	// panic, undoes what was done in this call, and the record is tried again. The
	// record and its bytes are valid until Handle returns.
	Handle(Step, *kgo.Record) error
}

// A TimerHandler is a handler whose timers come due.
type TimerHandler interface {
	Handler
	// Fire is given a timer that has come due and is set no more. It may set it again.
	Fire(Step, Timer) error
}

// HandlerFunc is a handler without timers.
type HandlerFunc func(Step, *kgo.Record) error

// Handle calls f.
func (f HandlerFunc) Handle(s Step, r *kgo.Record) error { return f(s, r) }

// A Step is what the code can do while it handles a record or a timer. Everything that
// it does takes effect together with the position of its input, or not at all. It is
// dead when the call it was made for has returned or has passed its deadline.
type Step interface {
	// Context ends at the deadline, or when the task is given up.
	Context() context.Context
	// Now is the wall clock's time.
	Now() time.Time
	// EventTime is the latest timestamp that the task has seen, less the lateness that
	// is allowed; zero before the first record.
	EventTime() time.Time
	// Emit writes a record. The bytes are the caller's again when it returns.
	Emit(Output) error
	// Store is the keyed state of that name, which must be among the processor's.
	Store(name string) Store
	// SetTimer sets a timer. One of the same clock, key and name is moved.
	SetTimer(Timer) error
	// StopTimer takes a timer back, whenever it is due; At is not looked at.
	StopTimer(Timer) error
}

// An Output is a record that a step writes.
type Output struct {
	// Topic is where it goes; it must exist.
	Topic string
	// Key decides the partition as Kafka's default partitioner does, by murmur2. Records
	// with a nil key go to the partition with the task's number, modulo the topic's.
	Key []byte
	// Value may be nil.
	Value []byte
	// Headers may be nil.
	Headers []kgo.RecordHeader
	// Timestamp is that of the input, or of the timer, if it is zero.
	Timestamp time.Time
	// Partition is where it goes instead, if Placed.
	Partition int32
	Placed    bool
}

// A Store is keyed state of one task. Values that were put are seen by what comes later
// in the same task, and by others once the step is committed. Slices that it gives are
// valid until the call it is used in returns, and must not be changed; those that it is
// given are the caller's again at once.
type Store interface {
	// Get returns the value of a key; ok is false without one.
	Get(key []byte) (value []byte, ok bool, err error)
	// Put sets the value of a key, which lives as long as the store's are to.
	Put(key, value []byte) error
	// PutUntil sets a value that is gone from a time on; the zero time is never.
	PutUntil(key, value []byte, until time.Time) error
	// Delete removes a key, if it is there.
	Delete(key []byte) error
	// Range goes through the keys from `from` up to but without `to` in their order;
	// nil is the beginning, and the end. A key that is changed meanwhile may be given as
	// it was or as it is. An entry is valid until the next one, so that a range may be
	// larger than memory. The last pair may be an error.
	Range(from, to []byte) iter.Seq2[Entry, error]
}

// An Entry is a key with its value. It is an alias, so that a store that imports nothing
// of this package can be a Store.
type Entry = struct{ Key, Value []byte }

// Clock is what a timer goes by.
type Clock = timer.Clock

const (
	// WallClock is the node's clock.
	WallClock = timer.WallClock
	// EventClock is the event time of the task.
	EventClock = timer.EventClock
)

// A Timer has the code called at a time. Within a task, clock, key and name tell it
// from others. It is durable, and moves with its task.
type Timer = timer.Timer
