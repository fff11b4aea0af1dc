package broker

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/share/window"
	"github.com/evidentlog/evident/internal/log"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
)

// Wherever the power is cut: what was accepted is never delivered again, what was
// not is, with no fewer deliveries than were answered for, and what was given up
// has a dead letter. Nothing is lost.
func TestPowerCutKeepsQueues(t *testing.T) {
	total := cutQueue(t, vfs.CrashAt, 1<<30, vfs.KeepAll)
	stride := max(1, total/30)
	for i, v := range vfstest.Cuts() {
		for n := 1 + i*stride/len(vfstest.Cuts()); n <= total; n += stride {
			t.Run(fmt.Sprintf("%s, %d", v.Name, n), func(t *testing.T) { cutQueue(t, v.Hook, n, v.Keep(n)) })
		}
	}
}

// cutQueue runs the workload up to a power cut at its nth operation and checks
// what is left. It returns how many operations there were.
func cutQueue(t *testing.T, hook func(int) func(vfs.Op) error, n int, keep vfs.Keep) (operations int) {
	synctest.Test(t, func(t *testing.T) {
		mem := vfs.NewMem()
		crash := func(vfs.Op) error { return nil }
		disk := vfs.NewFaulty(mem, func(op vfs.Op) error { return crash(op) })
		s := startIn(t, disk, inBubble, fewPartitions, func(c *Config) { c.ShareStatePartitions = 1 })
		w := newQueueWorkload(s, uint64(n))
		synctest.Wait()
		before := disk.Mutations()
		crash = hook(before + n)
		if err := w.run(func() bool { return disk.Mutations() < before+n }); err != nil && n == 1<<30 {
			t.Fatal(err)
		}
		operations = disk.Mutations() - before
		left := mem.Crash(keep)
		s.Close()
		_ = s.log.Close() // the power is off

		s = startIn(t, left, inBubble, fewPartitions, func(c *Config) { c.ShareStatePartitions = 1 })
		w.check(t, s)
		s.Close()
		if err := s.log.Close(); err != nil {
			t.Error(err)
		}
	})
	return operations
}

const (
	queueRecords = 12
	queueLimit   = 3 // deliveries of a record
	queueSteps   = 10
)

// queueWorkload is two members that fetch and acknowledge records of one
// partition.
type queueWorkload struct {
	topic   [16]byte
	members []*sharer
	random  *rand.Rand

	// What is known, by offset.
	accepted map[int64]bool  // and answered
	rejected map[int64]bool  // and answered
	tried    map[int64]bool  // an acceptance was sent, at least
	wanted   map[int64]bool  // to be given up, by a member or its last delivery
	counted  map[int64]int16 // deliveries that are known to be over
}

// newQueueWorkload makes the topic, its records, and the group's settings.
func newQueueWorkload(s *server, seed uint64) *queueWorkload {
	s.t.Helper()
	w := &queueWorkload{
		random: rand.New(rand.NewPCG(seed, 0)), accepted: map[int64]bool{}, rejected: map[int64]bool{},
		tried: map[int64]bool{}, wanted: map[int64]bool{}, counted: map[int64]int16{},
	}
	topic := s.topic("q", 1)
	w.topic = topic.ID
	for at := 0; at < queueRecords; at += 3 {
		s.append(topic, 0, "a", "b", "c")
	}
	dead := s.store.Create([]metadata.Spec{{Name: "dlq.q", Partitions: 1, Configs: map[string]string{"errors.deadletterqueue.group.enable": "true"}}}, false)[0]
	err := s.store.ConfigureGroup("g", false, func(map[string]string) (map[string]string, error) {
		return map[string]string{
			"share.auto.offset.reset": "earliest", "share.delivery.count.limit": strconv.Itoa(queueLimit), "errors.deadletterqueue.topic.name": "dlq.q",
		}, nil
	})
	if dead.Err != nil || err != nil {
		s.t.Fatal(dead.Err, err)
	}
	for _, id := range []string{"m", "n"} {
		w.members = append(w.members, newSharer(s.piped(id), "g", id, topic.ID))
	}
	return w
}

// run ends early, with an error, when the power goes; on tells if it is on.
func (w *queueWorkload) run(on func() bool) error {
	held := make([][]delivery, len(w.members))
	for step := range queueSteps {
		for i, m := range w.members {
			if err := m.beat("q"); err != nil {
				return err
			}
			got, err := w.step(m, held[i])
			if err != nil {
				return err
			}
			held[i] = got
		}
		if step%4 == 3 {
			held = w.expire(held, on)
		}
	}
	return nil
}

// step acknowledges what a member has, or some of it, and gets it more.
func (w *queueWorkload) step(m *sharer, held []delivery) ([]delivery, error) {
	var acks []shareAck
	var counts []int16
	var kept []delivery
	for _, d := range held {
		typ := []int8{window.Accept, window.Accept, window.Release, window.Release, window.Reject, -1}[w.random.IntN(6)]
		if typ < 0 {
			kept = append(kept, d)
			continue
		}
		acks, counts = append(acks, shareAck{d.offset, typ}), append(counts, d.count)
		w.tried[d.offset] = w.tried[d.offset] || typ == window.Accept
		w.wanted[d.offset] = w.wanted[d.offset] || typ == window.Reject || typ == window.Release && d.count == queueLimit
	}
	if len(acks) > 0 && w.random.IntN(2) == 0 { // without a fetch
		if err := m.acknowledge(acks...); err != nil {
			return nil, err
		}
		w.answered(acks, counts)
		acks = nil
	}
	got, err, ackErr := m.fetch(4, acks...)
	if ackErr == nil {
		w.answered(acks, counts)
	}
	held = append(kept, got...)
	slices.SortFunc(held, func(a, b delivery) int { return cmp.Compare(a.offset, b.offset) })
	return held, errors.Join(err, ackErr)
}

// answered notes acknowledgements that were answered well, of records that were
// delivered so many times.
func (w *queueWorkload) answered(acks []shareAck, counts []int16) {
	for i, a := range acks {
		w.counted[a.offset] = counts[i]
		w.accepted[a.offset] = w.accepted[a.offset] || a.typ == window.Accept
		w.rejected[a.offset] = w.rejected[a.offset] || a.typ == window.Reject
	}
}

// expire lets the locks run out. The deliveries are over, and that is durable if
// the power is on after it.
func (w *queueWorkload) expire(held [][]delivery, on func() bool) [][]delivery {
	for _, d := range slices.Concat(held...) {
		w.wanted[d.offset] = w.wanted[d.offset] || d.count == queueLimit
	}
	time.Sleep(31 * time.Second)
	synctest.Wait()
	if on() {
		for _, d := range slices.Concat(held...) {
			w.counted[d.offset] = d.count
		}
	}
	return make([][]delivery, len(w.members))
}

// check has a new member accept all that is left.
func (w *queueWorkload) check(t *testing.T, s *server) {
	t.Helper()
	synctest.Wait()
	m := newSharer(s.piped("checker"), "g", "checker", w.topic)
	if err := m.beat("q"); err != nil {
		t.Fatal(err)
	}
	delivered := map[int64]int16{}
	for {
		got, err, _ := m.fetch(5)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			break
		}
		var acks []shareAck
		for _, d := range got {
			if delivered[d.offset] > 0 {
				t.Errorf("%d is delivered twice", d.offset)
			}
			delivered[d.offset] = d.count
			acks = append(acks, shareAck{d.offset, window.Accept})
		}
		slices.SortFunc(acks, func(a, b shareAck) int { return cmp.Compare(a.offset, b.offset) })
		if err := m.acknowledge(acks...); err != nil {
			t.Fatal(err)
		}
	}
	time.Sleep(time.Minute) // for dead letters that failed
	synctest.Wait()
	w.compare(t, delivered, deadOffsets(t, s.store.Snapshot().Topic("dlq.q").Partition(0)))
}

// compare holds what was delivered after the power cut, with its delivery counts,
// and the offsets of dead letters to what is known.
func (w *queueWorkload) compare(t *testing.T, delivered map[int64]int16, dead map[int64]bool) {
	t.Helper()
	for offset := range int64(queueRecords) {
		count := delivered[offset]
		switch {
		case count > 0 && w.accepted[offset]:
			t.Errorf("%d was accepted and is delivered again", offset)
		case count > 0 && w.rejected[offset]:
			t.Errorf("%d was rejected and is delivered again", offset)
		case count > 0 && count <= w.counted[offset]:
			t.Errorf("%d is delivered for the %d. time, and was %d times before", offset, count, w.counted[offset])
		case count == 0 && !w.tried[offset] && !dead[offset]:
			t.Errorf("%d is lost", offset)
		case w.rejected[offset] && !dead[offset]:
			t.Errorf("%d was rejected and has no dead letter", offset)
		}
	}
	for offset := range maps.Keys(dead) {
		if !w.wanted[offset] {
			t.Errorf("%d has a dead letter, and nobody gave it up", offset)
		}
	}
}

// deadOffsets are those of the records that have dead letters in a partition.
func deadOffsets(t *testing.T, p *log.Partition) map[int64]bool {
	t.Helper()
	all := map[int64]bool{}
	for r, err := range recordsFrom(p, new(batch.Codecs), 0) {
		if err != nil {
			t.Fatal(err)
		}
		value, _ := r.Headers.Get(headerDeadOffset)
		offset, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		all[offset] = true
	}
	return all
}
