package group

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/statetopic/statetopictest"
)

// classicConsumer is a client of the classic protocol, as simple as it can be: it
// joins, assigns if it leads, heartbeats, and begins anew when told to.
type classicConsumer struct {
	h      *harness
	name   string
	member string
	stop   chan struct{}

	mu       sync.Mutex
	assigned string
}

func (c *classicConsumer) run() {
	for {
		generation, ok := c.join()
		if !ok {
			continue
		}
		for c.h.heartbeat("g", c.member, generation) == 0 {
			select {
			case <-c.stop:
				c.h.leave("g", c.member)
				return
			case <-time.After(time.Second):
			}
		}
		c.set("")
	}
}

func (c *classicConsumer) set(assigned string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.assigned = assigned
}

// join goes through one rebalance and reports whether it led to an assignment.
func (c *classicConsumer) join() (generation int32, ok bool) {
	r := call(c.h.Join, joinRequest("g", c.member, "orders"))
	switch r.ErrorCode {
	case 0, kerr.MemberIDRequired.Code:
		c.member = r.MemberID
	case kerr.UnknownMemberID.Code:
		c.member = ""
	}
	if r.ErrorCode != 0 {
		return 0, false
	}
	req := kmsg.NewPtrSyncGroupRequest()
	req.Version, req.Group, req.MemberID, req.Generation = 4, "g", c.member, r.Generation
	for i, m := range r.Members { // it leads: ten partitions, one letter each
		var mine strings.Builder
		for p := i; p < 10; p += len(r.Members) {
			fmt.Fprint(&mine, p)
		}
		req.GroupAssignment = append(req.GroupAssignment, kmsg.SyncGroupRequestGroupAssignment{
			MemberID: m.MemberID, MemberAssignment: []byte(mine.String()),
		})
	}
	s := call(c.h.SyncGroup, req)
	c.set(string(s.MemberAssignment))
	return r.Generation, s.ErrorCode == 0
}

// Consumers come and go at random, on a disk that is slow and sometimes
// fails; when things calm down, each partition has one consumer.
func TestConsumersConverge(t *testing.T) {
	store := statetopictest.New(4)
	inBubble(t, store, func(h *harness) {
		store.Change(func(f *statetopictest.Faults) { f.Delay = 5 * time.Millisecond })
		random := rand.New(rand.NewPCG(1, 2))
		var all sync.WaitGroup
		var alive []*classicConsumer
		for i := range 60 {
			switch {
			case len(alive) > 2 && random.IntN(2) == 0:
				n := random.IntN(len(alive))
				close(alive[n].stop)
				alive = slices.Delete(alive, n, n+1)
			default:
				c := &classicConsumer{h: h, name: fmt.Sprint("c", i), stop: make(chan struct{})}
				alive = append(alive, c)
				all.Go(c.run)
			}
			store.Change(func(f *statetopictest.Faults) {
				f.Append = nil
				if i%7 == 3 {
					f.Append = errDisk
				}
			})
			pass(time.Duration(random.IntN(3000)) * time.Millisecond)
		}
		store.Change(func(f *statetopictest.Faults) { f.Append = nil })
		pass(time.Minute)
		var got []byte
		for _, c := range alive {
			c.mu.Lock()
			got = append(got, c.assigned...)
			c.mu.Unlock()
		}
		slices.Sort(got)
		if string(got) != "0123456789" {
			t.Errorf("%d consumers have the partitions %q", len(alive), got)
		}
		for _, c := range alive {
			close(c.stop)
		}
		all.Wait()
		synctest.Wait()
		h.wantGroups("g Empty")
	})
}
