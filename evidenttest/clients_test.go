package evidenttest_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/evidenttest"
)

// franz-go lives through each of these, and a minute off the network besides: what it
// produced is there once and in order, and what it consumed is consumed at least once.
func TestARealClientLivesThroughEachFault(t *testing.T) {
	now, then := evidenttest.When{Chance: 0.15}, evidenttest.When{Skip: 5, Times: 1}
	for name, fault := range map[string]evidenttest.RequestFault{
		"requests are dropped":      {When: now, Do: evidenttest.LoseRequest},
		"answers are dropped":       {When: now, Do: evidenttest.LoseAnswer},
		"requests are late":         {When: now, Delay: 40 * time.Second},
		"answers are late":          {When: now, AnswerDelay: 40 * time.Second},
		"requests come twice":       {When: now, Do: evidenttest.Twice, Where: notProduce},
		"the client stands still":   {When: then, Do: evidenttest.Hold},
		"it is off the network":     {Where: never, Delay: time.Second},
		"the node loses its power":  {When: then, Do: evidenttest.CutPower},
		"all answers are lost once": {When: evidenttest.When{Times: 10}, Do: evidenttest.LoseAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
				makeTopic(t, n, "orders", 1, nil)
				n.Supervise(5 * time.Second)
				p := n.Process("shop")
				seen := &seenValues{}
				consume(t, p.Client(member("billing", "orders")...), seen.add)
				fault.Client = "shop"
				i := n.Inject(fault)
				produced := make(chan struct{})
				var want []string
				go func() {
					defer close(produced)
					out := p.Client(kgo.RecordDeliveryTimeout(time.Hour))
					for k := range 20 {
						want = append(want, fmt.Sprint(k))
						produce(t, out, "orders", want[k])
						time.Sleep(time.Second)
					}
				}()
				n.Advance(10 * time.Second)
				p.Disconnect()
				n.Advance(time.Minute)
				p.Connect()
				if fault.Do == evidenttest.Hold {
					n.Advance(time.Minute)
					i.Remove()
				}
				<-produced
				n.Await(evidenttest.Consumed("billing"))
				wantValues(t, n, "orders", want...)
				seen.want(t, want)
				if i.Hits() == 0 && name != "it is off the network" {
					t.Error("the fault has hit nothing")
				}
			}, evidenttest.WithoutLedger())
		})
	}
}

func notProduce(r kmsg.Request) bool {
	_, is := r.(*kmsg.ProduceRequest)
	return !is
}

func never(kmsg.Request) bool { return false }

// seenValues are those of the records that a consumer was given.
type seenValues struct {
	mu  sync.Mutex
	all []string
}

func (s *seenValues) add(r *kgo.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, string(r.Value))
}

// want wants each of the values at least once, for the first time in their order.
func (s *seenValues) want(t *testing.T, want []string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	var first []string
	for _, v := range s.all {
		if !slices.Contains(first, v) {
			first = append(first, v)
		}
	}
	if !slices.Equal(first, want) {
		t.Errorf("consumed %q, want each of %q", s.all, want)
	}
}
