package intake

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/gateway/once"
	"github.com/evidentlog/evident/internal/seen"
)

// An Outcome is what became of an event.
type Outcome struct {
	Partition int32
	Offset    int64
	Err       error // why it was not acknowledged; nil if it was
}

// A Flight is events that are being written together.
type Flight struct {
	in      *Intake
	topic   *topic
	state   *state
	entries []entry
	left    atomic.Int32           // records without an answer, and one until all are sent
	done    chan struct{}          // closed when all of its own records have an answer
	then    atomic.Pointer[func()] // what to do at the end
}

// An entry is one event of a flight.
type entry struct {
	record kgo.Record
	id     seen.ID
	begun  bool   // it is this entry's to write
	from   int64  // it is not in its partition before this offset, unless the index knows it
	follow leader // the entry that writes the same event; zero if none
	at     once.Place
	err    error // of writing it
}

// A leader is an entry by whose answer others are answered.
type leader struct {
	flight *Flight
	index  int
}

// Submit begins to write events, in their order, to a topic: all, or none if the error is
// not nil, which is an [*EventError] if it is about one of them. Ctx is of what comes
// before writing. The events' data belong to the flight until it is done.
func (in *Intake) Submit(ctx context.Context, name string, events []event.Event) (*Flight, error) {
	for {
		t, s, err := in.open(ctx, name)
		if err != nil {
			return nil, err
		}
		f := &Flight{in: in, topic: t, state: s, entries: make([]entry, len(events)), done: make(chan struct{})}
		if err := f.prepare(ctx, events); err != nil {
			return nil, err
		}
		f.begin()
		if f.sent() {
			return f, nil
		}
		f.takeBack() // what begin found may be less than what is in the log
	}
}

// sent sends the flight, if the topic is still what it was when it was looked at.
func (f *Flight) sent() bool {
	f.topic.sending.RLock()
	defer f.topic.sending.RUnlock()
	if f.state.id != f.topic.sending.id || f.state.failures != f.topic.failures.Load() {
		return false
	}
	f.send()
	return true
}

// prepare makes the records.
func (f *Flight) prepare(ctx context.Context, events []event.Event) error {
	headers := make([]kgo.RecordHeader, 0, 8*len(events)) // of all records
	for i := range events {
		record, err := f.in.record(ctx, f, &events[i])
		if err != nil {
			return &EventError{i, err}
		}
		from := len(headers)
		for _, h := range record.Headers {
			headers = append(headers, kgo.RecordHeader(h))
		}
		e := &f.entries[i]
		e.id = once.Identity(f.state.id, f.topic.name, events[i].Source, events[i].ID)
		e.record = kgo.Record{
			Topic: f.topic.name, Key: record.Key, Value: record.Value, Headers: headers[from:len(headers):len(headers)],
		}
		e.record.Partition = f.in.partition(&e.record, e.id, len(f.state.parts))
	}
	return nil
}

// partition is that of an event: of its key, or else of what it is.
func (in *Intake) partition(r *kgo.Record, id seen.ID, parts int) int32 {
	if r.Key != nil {
		return int32(in.place.Partition(r, parts))
	}
	return int32(binary.BigEndian.Uint64(id[:8]) % uint64(parts))
}

// begin asks of each event whether it is in the log, or being written.
func (f *Flight) begin() {
	for i := range f.entries {
		e := &f.entries[i]
		e.from = f.state.parts[e.record.Partition].end()
		known, at, other := f.in.index.Begin(e.id, leader{f, i})
		switch known {
		case once.Unknown:
			e.begun = true
		case once.Known:
			e.at = at
		case once.Writing:
			e.follow = other
		}
	}
}

// takeBack ends what begin has begun. Whoever follows it meanwhile is to try again.
func (f *Flight) takeBack() {
	for i := range f.entries {
		if e := &f.entries[i]; e.begun {
			e.err = fmt.Errorf("%w: topic %q is read again", ErrUnavailable, f.topic.name)
			f.in.index.Failed(e.id)
		}
	}
	f.end()
}

// send writes what has to be written. It waits for nothing: of more than the client may
// have, the rest fails.
func (f *Flight) send() {
	own := int32(0)
	for i := range f.entries {
		if f.entries[i].begun {
			own++
		}
	}
	f.left.Store(own + 1)
	for i := range f.entries {
		if f.entries[i].begun {
			f.in.client.TryProduce(context.Background(), &f.entries[i].record, func(r *kgo.Record, err error) { f.acked(i, err) })
		}
	}
	f.in.figures.repeated.Add(float64(len(f.entries) - int(own)))
	f.answered(1)
}

// acked takes the log's answer for a record.
func (f *Flight) acked(i int, err error) {
	e := &f.entries[i]
	if gone := errors.Is(err, kerr.UnknownTopicID); gone {
		f.topic.gone.Store(true)
	} else if !f.topic.touched.Load() {
		f.topic.touched.Store(true)
	}
	if err == nil {
		e.at = once.Place{Partition: e.record.Partition, Offset: e.record.Offset}
		f.state.parts[e.at.Partition].acked(e.at.Offset)
		f.in.index.Done(e.id, e.at)
		f.in.figures.written.Inc()
	} else {
		f.failed(e, err)
	}
	f.answered(1)
}

// failed takes an error. What may be in the log all the same is doubted before anybody
// can begin to write it again.
func (f *Flight) failed(e *entry, err error) {
	e.err = explained(f.topic.name, err)
	if !refused(err) {
		f.state.parts[e.record.Partition].doubted(e.from)
		f.topic.failures.Add(1)
	}
	f.in.index.Failed(e.id)
	f.in.figures.failed.Inc()
}

func (f *Flight) answered(n int32) {
	if f.left.Add(-n) == 0 {
		f.end()
	}
}

func (f *Flight) end() {
	close(f.done)
	nothing := func() {}
	if !f.then.CompareAndSwap(nil, &nothing) {
		(*f.then.Load())()
	}
}

// Then has a function called once the log has answered for all that this flight writes,
// and nothing needs the events any more.
func (f *Flight) Then(do func()) {
	if !f.then.CompareAndSwap(nil, &do) {
		do() // it is done already
	}
}

// Wait waits until it is known what became of each event. The error is that of ctx: the
// events may be written all the same.
func (f *Flight) Wait(ctx context.Context) ([]Outcome, error) {
	outcomes := make([]Outcome, len(f.entries))
	if err := f.wait(ctx); err != nil {
		return nil, err
	}
	for i := range f.entries {
		e := &f.entries[i]
		if e.follow.flight != nil {
			if err := e.follow.flight.wait(ctx); err != nil {
				return nil, err
			}
			e = &e.follow.flight.entries[e.follow.index]
		}
		outcomes[i] = Outcome{e.at.Partition, e.at.Offset, e.err}
	}
	return outcomes, nil
}

func (f *Flight) wait(ctx context.Context) error {
	select {
	case <-f.done:
		return nil
	default:
	}
	select {
	case <-f.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: topic %q: %w", ErrUnavailable, f.topic.name, context.Cause(ctx))
	}
}
