package process

import (
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/process/txn"
)

// Headers of a dead letter besides those of [event.DeadLetter]; docs/format/dead-letters.md.
const (
	headerTimer   = "__dlq.errors.timer"
	headerLeftOut = "__dlq.errors.left.out"
)

// bury writes the dead letter of a record that is given up, or returns false if that
// has to be tried again.
func (w *worker) bury(t *task, r *kgo.Record) bool {
	headers := w.epitaph(t, r.Topic, r.Offset, r.Headers)
	return w.letter(t, Output{Key: r.Key, Value: r.Value, Timestamp: r.Timestamp, Headers: headers}, len(headers)-len(w.epitaph(t, r.Topic, r.Offset, nil)))
}

// epitaph are the headers of a dead letter: those of the record, less what an earlier
// letter said, and why it was given up.
func (w *worker) epitaph(t *task, topic string, offset int64, of []kgo.RecordHeader) []kgo.RecordHeader {
	f := t.failing
	d := event.DeadLetter{
		Topic: topic, Partition: t.id.Partition, Offset: offset, Group: w.run.p.groupName(),
		Attempts: f.attempts, Reason: f.last.err.Error(), Stack: string(f.last.stack), Time: w.run.cfg.Now(),
	}
	original := make([]event.Header, len(of))
	for i, h := range of {
		original[i] = event.Header(h)
	}
	all := d.Headers(original)
	headers := make([]kgo.RecordHeader, len(all))
	for i, h := range all {
		headers[i] = kgo.RecordHeader(h)
	}
	return headers
}

// letter writes a dead letter, or returns false if that has to be tried again.
func (w *worker) letter(t *task, o Output, original int) bool {
	to, err := w.run.deadLetterTopic(t.ctx)
	if now := w.run.cfg.Now(); o.Timestamp.After(now) {
		o.Timestamp = now // the topic may not take what is ahead, though the input did
	}
	if err == nil {
		err = w.fit(t, to, o, original)
	}
	switch {
	case errors.Is(err, txn.ErrTooLarge):
		t.stop(fmt.Sprintf("a dead letter does not fit into its topic, whose max.message.bytes is %d: raise it", to.MaxBytes))
		return false
	case err != nil:
		w.log.Error("a dead letter cannot be written, and is tried again", "error", err)
		t.failing.retry = w.run.cfg.Now().Add(w.run.policy.MaxBackoff)
		return false
	}
	w.step.letters++
	w.log.Warn("given up, and written to the dead letters", "topic", to.Name, "attempts", t.failing.attempts, "error", t.failing.last.err)
	return true
}

// fit writes a dead letter whole, or if the topic does not take it so, without its
// value, and at last without its key and the original's headers either.
func (w *worker) fit(t *task, to *txn.Topic, o Output, original int) error {
	err := w.out.add(to, t.id.Partition, &o)
	if !errors.Is(err, txn.ErrTooLarge) {
		return err
	}
	o.Headers = append(o.Headers, leftOut("value of %d bytes", len(o.Value)))
	o.Value = nil
	if err = w.out.add(to, t.id.Partition, &o); !errors.Is(err, txn.ErrTooLarge) {
		return err
	}
	o.Headers = append(o.Headers[original:], leftOut("key of %d bytes, and %d headers", len(o.Key), original))
	o.Key = nil
	return w.out.add(to, t.id.Partition, &o)
}

func leftOut(format string, args ...any) kgo.RecordHeader {
	return kgo.RecordHeader{Key: headerLeftOut, Value: fmt.Appendf(nil, format, args...)}
}
