package share

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/evidentlog/evident/internal/broker/share/window"
	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
)

// history knows who holds which record, and what became of each.
type history struct {
	t  *testing.T
	mu sync.Mutex

	held     map[string]string // by record
	accepted map[string]int
	given    map[string]int
}

// take notes that a member was given a record, which nobody else may hold.
func (y *history) take(record, member string) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if holder := y.held[record]; holder != "" {
		y.t.Errorf("%s was given %s, which %s holds", member, record, holder)
	}
	y.held[record] = member
	y.given[record]++
}

// drop notes that a record is about to be held no more.
func (y *history) drop(record string, accepted bool) {
	y.mu.Lock()
	defer y.mu.Unlock()
	delete(y.held, record)
	if accepted {
		y.accepted[record]++
	}
}

func (y *history) done() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return len(y.accepted)
}

// work lets a member take records and accept or release them, until all records
// have been accepted. Now and then its connection breaks, or it dawdles.
func (y *history) work(h *harness, id string, records int, rnd *rand.Rand) {
	m := h.member("g", id)
	for y.done() < records {
		f := m.send(wait(100*time.Millisecond), most(1+rnd.IntN(20)))
		for _, p := range f.Partitions {
			for _, r := range p.Acquired {
				y.each(p.Number, r, func(record string) { y.take(record, id) })
			}
		}
		y.process(m, f, rnd)
		f.Close()
	}
}

func (y *history) each(partition int32, r window.Range, do func(record string)) {
	for o := r.First; o <= r.Last; o++ {
		do(fmt.Sprint(partition, ":", o))
	}
}

// process finishes what a fetch gave in one of many ways.
func (y *history) process(m *member, f *Fetched, rnd *rand.Rand) {
	time.Sleep(time.Duration(rnd.IntN(200)) * time.Millisecond)
	accept := rnd.IntN(4) > 0
	for _, p := range f.Partitions {
		for _, r := range p.Acquired {
			y.each(p.Number, r, func(record string) { y.drop(record, accept) })
		}
	}
	how := rnd.IntN(6)
	switch {
	case accept || how < 4:
	case how == 4:
		m.h.Disconnected(m.conn)
		m.conn, m.epoch = new(int), 0
		return
	default:
		time.Sleep(31 * time.Second) // its locks run out
		return
	}
	answer := window.Release
	if accept {
		answer = window.Accept
	}
	for _, p := range f.Partitions {
		for _, r := range p.Acquired {
			if err := m.acknowledge(p.Number, r.First, r.Last, answer); err != nil {
				y.t.Errorf("%s, %d to %d of partition %d: %v", m.id, r.First, r.Last, p.Number, err)
			}
		}
	}
}

// Many members work at the same time: no record is held by two, and all are
// accepted in the end.
func TestManyMembersShareAllRecordsAndNoneAtTheSameTime(t *testing.T) {
	for name, configure := range map[string]func(*Topic){
		"in order of offsets": func(*Topic) {},
		"by key":              func(t *Topic) { t.ByKey = true },
		"by priority":         func(t *Topic) { t.PriorityHeader = "priority" },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, 2, func(h *harness) {
				const records, workers = 400, 8
				h.change(configure)
				h.configure("share.delivery.count.limit", "10")
				h.configure("errors.deadletterqueue.topic.name", "dlq") // so that none is finished unseen
				h.begin("g")
				h.store.Set(statetopictest.Faults{Delay: 2 * time.Millisecond})
				y := &history{t: t, held: map[string]string{}, accepted: map[string]int{}, given: map[string]int{}}
				var all sync.WaitGroup
				for i := range workers {
					all.Go(func() { y.work(h, fmt.Sprint("m", i), records, rand.New(rand.NewPCG(uint64(i), 7))) })
				}
				rnd := rand.New(rand.NewPCG(1, 2))
				for n := 0; n < records; {
					batch := min(1+rnd.IntN(7), records-n)
					var values []string
					for range batch {
						values = append(values, fmt.Sprintf("k%d=v!%d", rnd.IntN(30), rnd.IntN(3)))
					}
					h.append(rnd.IntN(2), values...)
					n += batch
					time.Sleep(time.Duration(rnd.IntN(20)) * time.Millisecond)
				}
				all.Wait()
				for record, n := range y.accepted {
					if n != 1 || y.given[record] > 10 {
						t.Errorf("%s was accepted %d times, given %d times", record, n, y.given[record])
					}
				}
			})
		})
	}
}

// epochOf is what a member's session expects next; 0 if there is none.
func (h *harness) epochOf(group, member string) int32 {
	h.sessions.mu.Lock()
	s := h.sessions.mu.byKey[sessionKey{group, member}]
	h.sessions.mu.Unlock()
	if s == nil {
		return openSession
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.epoch
}

// muddle uses a member's session over a connection of its own, as if it were alone.
func (h *harness) muddle(id string, steps int, rnd *rand.Rand) {
	m := h.member("g", id)
	for range steps {
		switch m.epoch = h.epochOf("g", id); rnd.IntN(10) {
		case 0:
			m.epoch = openSession
		case 1:
			m.epoch = closeSession
		case 2:
			h.Disconnected(m.conn)
			continue
		case 3:
			h.Left("g", id, rnd.IntN(2) == 0)
			continue
		case 4:
			h.change(func(t *Topic) { t.ByKey = !t.ByKey })
			continue
		}
		first := rnd.Int64N(50)
		last := first + rnd.Int64N(10)
		if typ := window.AckType(rnd.IntN(5)); rnd.IntN(2) == 0 {
			m.acknowledge(int32(rnd.IntN(3)), first, last, typ)
		} else {
			m.send(wait(time.Duration(rnd.IntN(50))*time.Millisecond), most(1+rnd.IntN(20))).Close()
		}
		time.Sleep(time.Duration(rnd.IntN(20)) * time.Millisecond)
	}
}

// Clients that do not know what they do, several under one name, harm only
// themselves: afterwards the queue goes on, without a loss.
func TestMuddledSessionsHarmNobodyElse(t *testing.T) {
	inBubble(t, 2, func(h *harness) {
		h.configure("share.delivery.count.limit", "10")
		h.begin("g")
		for n := range 40 {
			h.append(n%2, fmt.Sprintf("k%d=v", n%5), fmt.Sprintf("k%d=v", n%3))
		}
		var all sync.WaitGroup
		for i := range 6 {
			all.Go(func() { h.muddle(fmt.Sprint("m", i%2), 100, rand.New(rand.NewPCG(uint64(i), 3))) })
		}
		all.Wait()
		time.Sleep(time.Minute) // what is locked is not any more
		h.append(0, "k=last")
		m := h.member("g", "sober")
		for got := int64(1); got > 0; {
			f := m.send(wait(time.Second))
			got = f.records()
			for _, p := range f.Partitions {
				for _, r := range p.Acquired {
					if err := m.acknowledge(p.Number, r.First, r.Last, window.Accept); err != nil {
						t.Fatal(err)
					}
				}
			}
			f.Close()
		}
		if start, lag := h.position("g"); start != 41 || lag != 0 {
			t.Errorf("the queue is at %d, with %d left", start, lag)
		}
		if n := len(h.sessions.mu.byKey); n > 3 {
			t.Errorf("%d sessions are left", n)
		}
	})
}
