package broker

import (
	"errors"
	"iter"
	"strconv"
	"sync"

	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/log/batch"
)

// Headers of dead letters (KIP-1191).
const (
	headerDeadTopic      = "__dlq.errors.topic"
	headerDeadPartition  = "__dlq.errors.partition"
	headerDeadOffset     = "__dlq.errors.offset"
	headerDeadGroup      = "__dlq.errors.group"
	headerDeadDeliveries = "__dlq.errors.delivery.count"
	headerDeadMessage    = "__dlq.errors.message"
)

const (
	// deadLetterRoom is what a record takes beyond key, value and headers, at most.
	deadLetterRoom = 64
	// deadLetterBytes is about how much is written for one job. The rest is another.
	deadLetterBytes = 4 << 20
)

// deadLetterWriter makes the dead letters of one job.
type deadLetterWriter struct {
	job    deadLetterJob
	codecs *batch.Codecs
	now    int64
	from   string         // topic, or its id if it is gone
	to     *log.Partition // of the dead-letter topic
	most   int            // bytes of a batch

	batches [][]byte
	bytes   int   // in them
	last    int64 // offset of the last record that has a letter
}

// build makes batches of dead letters, with key, value and headers of the
// originals that there are and that fit.
func (w *deadLetterWriter) build(originals iter.Seq2[batch.Record, error]) error {
	next, stop := iter.Pull2(originals)
	defer stop()
	b := w.codecs.NewBuilder(batch.Head{})
	original, err, more := next()
	for offset := w.job.First; offset <= w.job.Last && w.bytes+b.Size() < deadLetterBytes; offset++ {
		for more && err == nil && original.Offset < offset {
			original, err, more = next()
		}
		if err != nil {
			return err
		}
		r := w.letter(offset, original, more && original.Offset == offset)
		if b.Count() > 0 && b.Size()+sizeOf(r) > w.most {
			if err := w.flush(b); err != nil {
				return err
			}
		}
		if err := b.Append(r); err != nil {
			return err
		}
		w.last = offset
	}
	return w.flush(b)
}

// flush ends a batch and begins the next.
func (w *deadLetterWriter) flush(b *batch.Builder) error {
	built, err := b.Build()
	if err != nil {
		return err
	}
	w.batches, w.bytes = append(w.batches, append([]byte(nil), built...)), w.bytes+len(built)
	b.Reset(batch.Head{})
	return nil
}

// letter makes one dead letter, with what the original has, if that is to be
// copied and fits.
func (w *deadLetterWriter) letter(offset int64, original batch.Record, copied bool) batch.Record {
	r := batch.Record{Timestamp: w.now}
	if copied {
		r.Key, r.Value = original.Key, original.Value
		for name, value := range original.Headers.All() {
			r.Headers = r.Headers.Append(string(name), value)
		}
	}
	why := "The record's delivery count has reached the group's limit."
	if w.job.Rejected {
		why = "A member of the group has rejected the record."
	}
	for _, h := range [][2]string{
		{headerDeadTopic, w.from},
		{headerDeadPartition, strconv.Itoa(int(w.job.Partition))},
		{headerDeadOffset, strconv.FormatInt(offset, 10)},
		{headerDeadGroup, w.job.Group},
		{headerDeadDeliveries, strconv.Itoa(int(w.job.Deliveries))},
		{headerDeadMessage, why},
	} {
		r.Headers = r.Headers.Append(h[0], []byte(h[1]))
	}
	if copied && batch.HeaderSize+sizeOf(r) > w.most {
		return w.letter(offset, batch.Record{}, false)
	}
	return r
}

// sizeOf is about how many bytes a record takes, and not less.
func sizeOf(r batch.Record) int {
	n := deadLetterRoom + len(r.Key) + len(r.Value)
	for k, v := range r.Headers.All() {
		n += len(k) + len(v) + 2*5
	}
	return n
}

// append appends the batches, and has done called when all are durable.
func (w *deadLetterWriter) append() {
	var mu sync.Mutex
	left, failed := len(w.batches)+1, error(nil)
	one := func(err error) {
		mu.Lock()
		failed = errors.Join(failed, err)
		left--
		last := left == 0
		mu.Unlock()
		if last {
			w.job.done(w.last, failed)
		}
	}
	for _, b := range w.batches {
		if _, err := w.to.Append(b, log.AckDurable, one); err != nil {
			one(err)
		}
	}
	one(nil)
}

// none are no records.
func none(func(batch.Record, error) bool) {}

// recordsFrom gives the records of a partition from an offset on, as far as there
// are any. What has been deleted is passed over.
func recordsFrom(p *log.Partition, codecs *batch.Codecs, from int64) iter.Seq2[batch.Record, error] {
	return func(yield func(batch.Record, error) bool) {
		for at := max(from, p.LogStart()); at < p.HighWatermark(); {
			raw, next, err := readWhole(p, at)
			if errors.Is(err, log.ErrOffsetOutOfRange) {
				at = max(at, p.LogStart())
				continue
			}
			if err != nil {
				yield(batch.Record{}, err)
				return
			}
			if !yieldRecords(codecs, raw, yield) {
				return
			}
			at = next
		}
	}
}

// yieldRecords gives the records of whole batches, but for control batches. It
// returns false if there need be no more.
func yieldRecords(codecs *batch.Codecs, raw []byte, yield func(batch.Record, error) bool) bool {
	for len(raw) > 0 {
		b, rest, err := batch.Next(raw)
		if err != nil {
			return yield(batch.Record{}, err)
		}
		raw = rest
		if b.Attributes().Control() {
			continue
		}
		for r, err := range codecs.Records(b) {
			if !yield(r, err) {
				return false
			}
		}
	}
	return true
}
