package process

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/process/txn"
)

// Headers of a dead letter, after those of the original; docs/format/dead-letters.md.
const (
	headerProcessor = "evident-dlq-processor"
	headerVersion   = "evident-dlq-version"
	headerReason    = "evident-dlq-reason"
	headerStack     = "evident-dlq-stack"
	headerAttempts  = "evident-dlq-attempts"
	headerTopic     = "evident-dlq-topic"
	headerPartition = "evident-dlq-partition"
	headerOffset    = "evident-dlq-offset"
	headerTimestamp = "evident-dlq-timestamp"
	headerFailed    = "evident-dlq-failed-at"
	headerTimer     = "evident-dlq-timer"
	headerLeftOut   = "evident-dlq-left-out"
)

const (
	// Bytes of a reason and a stack that go into a dead letter.
	mostReason, mostStack = 2 << 10, 8 << 10
)

// bury writes the dead letter of a record that is given up, or returns false if that
// has to be tried again.
func (w *worker) bury(t *task, r *kgo.Record) bool {
	return w.letter(t, Output{
		Key: r.Key, Value: r.Value, Timestamp: r.Timestamp,
		Headers: append(slices.Clone(r.Headers), w.epitaph(t,
			kgo.RecordHeader{Key: headerTopic, Value: []byte(r.Topic)},
			kgo.RecordHeader{Key: headerPartition, Value: strconv.AppendInt(nil, int64(r.Partition), 10)},
			kgo.RecordHeader{Key: headerOffset, Value: strconv.AppendInt(nil, r.Offset, 10)},
			kgo.RecordHeader{Key: headerTimestamp, Value: stamp(r.Timestamp)})...),
	}, len(r.Headers))
}

func stamp(t time.Time) []byte { return t.UTC().AppendFormat(nil, time.RFC3339Nano) }

// epitaph says why something was given up.
func (w *worker) epitaph(t *task, of ...kgo.RecordHeader) []kgo.RecordHeader {
	f := t.failing
	all := append(of,
		kgo.RecordHeader{Key: headerProcessor, Value: []byte(t.id.Processor)},
		kgo.RecordHeader{Key: headerVersion, Value: strconv.AppendInt(nil, int64(t.id.Version), 10)},
		kgo.RecordHeader{Key: headerReason, Value: head([]byte(f.last.err.Error()), mostReason)},
		kgo.RecordHeader{Key: headerAttempts, Value: strconv.AppendInt(nil, int64(f.attempts), 10)},
		kgo.RecordHeader{Key: headerFailed, Value: stamp(w.run.cfg.Now())})
	if f.last.stack != nil {
		all = append(all, kgo.RecordHeader{Key: headerStack, Value: head(f.last.stack, mostStack)})
	}
	return all
}

// head is the beginning of b.
func head(b []byte, most int) []byte { return b[:min(len(b), most)] }

// letter writes a dead letter, or returns false if that has to be tried again.
func (w *worker) letter(t *task, o Output, original int) bool {
	to, err := w.run.deadLetterTopic(t.ctx)
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
