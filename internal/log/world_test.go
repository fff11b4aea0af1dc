package log

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
)

// largeBytes is from how much on an append goes straight to its segment.
const largeBytes = 8 << 10

// world is a log with partitions of all kinds, together with what it was told.
type world struct {
	t         testing.TB
	disk      vfs.FS
	log       *Log
	now       time.Time
	histories []*history
}

// history is what one partition was given.
type history struct {
	id       ID
	settings Settings
	p        *Partition
	producer int64 // id of an idempotent producer, or -1
	sequence int32
	value    int
	sent     []*sent
	start    int64 // the log start is not below this offset
}

// sent is one batch that was appended.
type sent struct {
	raw      []byte
	value    int // of the first record
	count    int
	at       Appended
	state    sentState
	loosened bool // acknowledged before it is synced
	retry    bool // the producer got no answer
}

type sentState int

const (
	unknown sentState = iota // under way when the power went: may be there or not
	acknowledged
	maybe // acknowledged, and then being removed when the power went
	gone
)

func newWorld(t testing.TB, disk vfs.FS) *world {
	w := &world{t: t, disk: disk, now: time.UnixMilli(1_700_000_000_000)}
	w.add("plain", nil)
	w.add("idempotent", func(s *Settings) { s.SegmentBytes = 1500 }).producer = 7
	w.add("compacted", func(s *Settings) { s.SegmentBytes, s.Compact, s.Delete, s.MinCleanableRatio = 700, true, false, 0 })
	w.add("retained", func(s *Settings) { s.SegmentBytes, s.RetentionBytes = 700, 1500 })
	w.add("deleted", func(s *Settings) { s.SegmentBytes = 1500 })
	w.add("truncated", func(s *Settings) { s.SegmentBytes = 1500 })
	w.add("recreated", nil)
	w.add("loosened", func(s *Settings) { s.FlushMessages, s.FlushInterval = 1000, time.Millisecond })
	return w
}

func (w *world) add(topic string, change func(*Settings)) *history {
	h := &history{id: testID(topic, 0), settings: DefaultSettings(), producer: -1}
	h.settings.IndexIntervalBytes = 200
	if change != nil {
		change(&h.settings)
	}
	w.histories = append(w.histories, h)
	return h
}

func (w *world) history(topic string) *history {
	for _, h := range w.histories {
		if h.id.Topic == topic {
			return h
		}
	}
	return nil
}

// next makes the next batch of n records of size bytes.
func (h *history) next(w *world, n, size int) *sent {
	var c batch.Codecs
	head := batch.Head{}
	if h.producer >= 0 {
		head.Producer = &batch.Producer{ID: h.producer, Sequence: h.sequence}
		h.sequence += int32(n)
	}
	b := c.NewBuilder(head)
	s := &sent{value: h.value, count: n, loosened: h.settings.FlushMessages > 1}
	for range n {
		value := make([]byte, max(size, 8))
		binary.BigEndian.PutUint64(value, uint64(h.value))
		r := batch.Record{Timestamp: w.now.UnixMilli(), Key: fmt.Appendf(nil, "key-%d", h.value%5), Value: value}
		if err := b.Append(r); err != nil {
			w.t.Fatal(err)
		}
		h.value++
	}
	raw, err := b.Build()
	if err != nil {
		w.t.Fatal(err)
	}
	s.raw = append([]byte(nil), raw...)
	h.sent = append(h.sent, s)
	return s
}

// send appends one batch to each of the partitions at once, and waits for all.
func (w *world) send(list []*history, n, size int) error {
	type answer struct {
		s   *sent
		err error
	}
	answers := make(chan answer, len(list))
	for _, h := range list {
		s := h.next(w, n, size)
		at, err := h.p.Append(s.raw, AckDurable, func(err error) { answers <- answer{s, err} })
		if err != nil {
			s.state, s.retry = gone, true
			answers <- answer{s, err}
		}
		s.at = at
	}
	var failed error
	for range list {
		a := <-answers
		switch {
		case a.err != nil:
			failed = a.err
		case !a.s.loosened:
			a.s.state = acknowledged
		}
	}
	w.now = w.now.Add(time.Second)
	return failed
}

func (w *world) appendSmall() error {
	for n := range 6 {
		if err := w.send(w.histories, 1+n%3, 50); err != nil {
			return err
		}
	}
	return w.flushLoosened()
}

// flushLoosened syncs what was acknowledged before it was synced.
func (w *world) flushLoosened() error {
	h := w.history("loosened")
	if err := h.p.flush(); err != nil {
		return err
	}
	for _, s := range h.sent {
		if s.state == unknown {
			s.state = acknowledged
		}
	}
	return nil
}

func (w *world) appendLarge() error {
	if err := w.send([]*history{w.history("plain"), w.history("truncated")}, 1, largeBytes); err != nil {
		return err
	}
	return w.send([]*history{w.history("plain"), w.history("recreated")}, 2, largeBytes)
}

func (w *world) checkpoint() error { return w.log.writeCheckpoints() }

func (w *world) compact() error {
	h := w.history("compacted")
	return h.p.compact(w.t.Context(), w.now)
}

func (w *world) retain() error {
	return w.log.applyRetention(w.log.partitions(), w.now)
}

// deleteRecords deletes about half of a partition's records, from within a batch on.
func (w *world) deleteRecords() error {
	h := w.history("deleted")
	return h.deleteBelow(w, h.sent[len(h.sent)/2].at.LastOffset)
}

// deleteAll deletes all of them.
func (w *world) deleteAll() error {
	h := w.history("deleted")
	return h.deleteBelow(w, h.p.HighWatermark())
}

func (h *history) deleteBelow(w *world, offset int64) error {
	if err := w.log.DeleteRecords(map[*Partition]int64{h.p: offset})[h.p]; err != nil {
		return err
	}
	h.start = max(h.start, offset)
	return nil
}

// truncate removes about the last third of a partition.
func (w *world) truncate() error {
	h := w.history("truncated")
	cut := h.sent[len(h.sent)*2/3].at.BaseOffset
	for _, s := range h.sent {
		if s.at.LastOffset >= cut && s.state != gone {
			s.state = maybe
		}
	}
	if err := h.p.Truncate(cut); err != nil {
		return err
	}
	for _, s := range h.sent {
		if s.state == maybe {
			s.state = gone
		}
	}
	return nil
}

// recreate deletes a topic and makes another of the same name.
func (w *world) recreate() error {
	for i, h := range w.histories {
		if h.id.Topic != "recreated" {
			continue
		}
		old := h.id
		fresh := &history{id: old, settings: h.settings, producer: -1, value: h.value}
		fresh.id.TopicID[15]++
		w.histories[i] = fresh // as the broker's metadata, which knows first
		if err := w.log.DeletePartition(old); err != nil {
			return err
		}
		var err error
		if fresh.p, err = w.log.OpenPartition(fresh.id, fresh.settings); err != nil {
			return err
		}
	}
	return nil
}

func (w *world) restart() error {
	if err := w.log.Close(); err != nil {
		return err
	}
	return w.open()
}

// abandon closes the log after a power cut: only its memory is left.
func (w *world) abandon() {
	if w.log != nil {
		_ = w.log.Close()
	}
}

func (w *world) reopen(disk vfs.FS) {
	w.t.Helper()
	w.disk = disk
	if err := w.open(); err != nil {
		w.t.Fatal(err)
	}
}

// appendEverywhere sends to every partition, first of all once more what an
// idempotent producer does not know to be there.
func (w *world) appendEverywhere() {
	w.t.Helper()
	w.resendLost()
	for range 3 {
		if err := w.send(w.histories, 2, 50); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := w.flushLoosened(); err != nil {
		w.t.Fatal(err)
	}
	if err := w.appendLarge(); err != nil {
		w.t.Fatal(err)
	}
}

// resendLost sends again what the idempotent producer got no answer to.
func (w *world) resendLost() {
	w.t.Helper()
	h := w.history("idempotent")
	for _, s := range h.sent {
		if s.retry {
			w.resend(h, s)
		}
	}
}

// resend sends s again, as a producer does that got no answer.
func (w *world) resend(h *history, s *sent) {
	w.t.Helper()
	batch.Batch(s.raw).SetBaseOffset(0)
	at, err := appendSync(h.p, s.raw)
	if err != nil {
		w.t.Fatal(err)
	}
	if there := s.state == acknowledged; at.Duplicate != there || there && at.BaseOffset != s.at.BaseOffset {
		w.t.Fatalf("sent again what is at %+v (state %d): %+v", s.at, s.state, at)
	}
	s.at, s.state, s.retry = at, acknowledged, false
}

// check reads all partitions, compares them with what they were given, and takes
// what is there as acknowledged and what is not as gone.
func (w *world) check() {
	w.t.Helper()
	for _, h := range w.histories {
		if err := h.p.Err(); err != nil {
			w.t.Fatalf("%s: %v", h.id.Topic, err)
		}
		if err := h.check(); err != nil {
			w.t.Fatalf("%s: %v", h.id.Topic, err)
		}
	}
}
