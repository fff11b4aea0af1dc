package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/schema/registry/record"
	"github.com/evidentlog/evident/internal/schema/registry/state"
)

// errAnew says that a reading has to begin at the start of the topic, which is another
// one by now, or has lost what was read of it.
var errAnew = errors.New("the topic of schemas begins anew")

// errBeside says that somebody else writes during this node's turn.
var errBeside = errors.New("another program writes the topic of schemas")

// forms are keys as the topic has them where that is not how this package writes them:
// compaction takes them for others, so that they have to be taken away by themselves.
type forms map[record.Key]map[string]bool

// A reading is what one follower has read of one topic, from its start. It never goes
// back: where the topic does, another reading begins. One goroutine takes records, all
// may wait for them.
type reading struct {
	topic [16]byte // the topic's id; zeros where a cluster has none (Kafka before 2.8)
	state *state.State
	doubt chan struct{} // has a token when somebody has found another topic

	mu struct {
		sync.Mutex
		end     int64         // offset behind what the state has
		changed chan struct{} // closed when end grows
		forms   forms
		seat    seat
	}
}

// A seat is what a reading knows of this node's turn.
type seat struct {
	writer *writer // nil: it is not this node's
	id     int64   // of its producer, in which it writes
	epoch  int16
	begun  bool  // a record of the turn was read: what is not of it, behind, is somebody else's
	own    int64 // offset of the last record of the writer's that was read; -1: none since it last began to write
}

func newReading(topic [16]byte) *reading {
	rd := &reading{topic: topic, state: state.New(), doubt: make(chan struct{}, 1)}
	rd.mu.changed, rd.mu.forms = make(chan struct{}), forms{}
	return rd
}

// take puts records into the state, all at once: a change is never seen by half. refused
// is told of those that cannot be read, which are passed over. The error is [errAnew] if
// they lie before what was read.
func (rd *reading) take(all []*kgo.Record, refused func(*kgo.Record, error)) error {
	if len(all) == 0 {
		return nil
	}
	if end := rd.reached(); all[0].Offset < end {
		return fmt.Errorf("%w: offset %d came after %d", errAnew, all[0].Offset, end-1)
	}
	var parsed []state.Timed
	var from []*kgo.Record
	for _, rec := range all {
		if rec.Attrs.IsControl() {
			continue
		}
		one, err := record.Parse(rec.Key, rec.Value)
		if err != nil {
			refused(rec, err)
			continue
		}
		rd.noteForm(one, rec.Key)
		parsed, from = append(parsed, state.Timed{Record: one, Time: rec.Timestamp.UnixMilli()}), append(from, rec)
	}
	for i, err := range rd.state.ApplyAll(parsed) {
		refused(from[i], err)
	}
	rd.advance(all)
	return nil
}

// noteForm takes note of a key that is written in another way than here.
func (rd *reading) noteForm(parsed record.Record, key []byte) {
	if bytes.Equal(parsed.Key.Bytes(), key) || parsed.Key.Type == record.Noop {
		return
	}
	rd.mu.Lock()
	defer rd.mu.Unlock()
	of := rd.mu.forms[parsed.Key]
	if parsed.Value != nil {
		if of == nil {
			of = map[string]bool{}
			rd.mu.forms[parsed.Key] = of
		}
		of[string(key)] = true
	} else if delete(of, string(key)); len(of) == 0 {
		delete(rd.mu.forms, parsed.Key)
	}
}

// advance shows how far has been read, and ends the turn at a record of somebody else's:
// what the writer plans next must have it, and ids are counted by one only.
func (rd *reading) advance(all []*kgo.Record) {
	rd.mu.Lock()
	s := &rd.mu.seat
	var beside *kgo.Record
	for _, rec := range all {
		switch {
		case s.writer == nil:
		case rec.ProducerID == s.id && rec.ProducerEpoch == s.epoch:
			s.begun, s.own = true, rec.Offset
		case s.begun && beside == nil:
			beside = rec
		}
	}
	w := s.writer
	rd.mu.end = all[len(all)-1].Offset + 1
	if beside != nil { // before who waits for his own record can go on
		w.lose(fmt.Errorf("%w: the record at offset %d has producer id %d and epoch %d, and this node's are %d and %d",
			errBeside, beside.Offset, beside.ProducerID, beside.ProducerEpoch, s.id, s.epoch))
	}
	close(rd.mu.changed)
	rd.mu.changed = make(chan struct{})
	rd.mu.Unlock()
}

// expect has the reading look for what a writer writes from now on.
func (rd *reading) expect(w *writer) {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	begun := rd.mu.seat.writer == w && rd.mu.seat.begun
	rd.mu.seat = seat{writer: w, id: w.producer.id, epoch: w.producer.epoch, begun: begun, own: -1}
}

// leave says that a turn is over.
func (rd *reading) leave(w *writer) {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	if rd.mu.seat.writer == w {
		rd.mu.seat = seat{}
	}
}

// formsOf are the other forms in which the topic has a key.
func (rd *reading) formsOf(k record.Key) (all [][]byte) {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	for form := range rd.mu.forms[k] {
		all = append(all, []byte(form))
	}
	return all
}

// reached is the offset behind what was read.
func (rd *reading) reached() int64 {
	rd.mu.Lock()
	defer rd.mu.Unlock()
	return rd.mu.end
}

// await waits until the record at an offset has been read.
func (rd *reading) await(ctx context.Context, offset int64) error {
	return rd.until(ctx, offset, func() bool { return rd.mu.end > offset })
}

// awaitOwn waits until the record that the writer wrote at an offset has been read. That
// the offset was passed is not enough: it may have been another topic's record.
func (rd *reading) awaitOwn(ctx context.Context, offset int64) error {
	return rd.until(ctx, offset, func() bool { return rd.mu.seat.own >= offset })
}

// until waits until what was read is enough, which is asked with the lock.
func (rd *reading) until(ctx context.Context, offset int64, enough func() bool) error {
	for {
		rd.mu.Lock()
		done, end, changed := enough(), rd.mu.end, rd.mu.changed
		rd.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("offset %d of %s has not been read yet, but %d: %w", offset, Topic, end-1, context.Cause(ctx))
		case <-changed:
		}
	}
}
