package evidenttest_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/evidenttest"
)

// order orders something of each customer.
func orderOf(t *testing.T, n *evidenttest.Node, topic string, customers ...string) {
	t.Helper()
	c := n.Client()
	for _, customer := range customers {
		if err := c.ProduceSync(t.Context(), &kgo.Record{Topic: topic, Key: []byte(customer)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}

// reminded are the reminders that were sent, sorted.
func reminded(n *evidenttest.Node) []string {
	all := []string{}
	for _, r := range n.Records("reminders") {
		all = append(all, fmt.Sprintf("%s=%s", r.Key, r.Value))
	}
	slices.Sort(all)
	return all
}

func dunningTopics(t *testing.T, n *evidenttest.Node) {
	t.Helper()
	for _, topic := range []string{"orders", "payments", "reminders"} {
		makeTopic(t, n, topic, 2, nil)
	}
}

func TestATimerOfAnHourFiresThoughTheNodeCrashes(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		crashWhileDue(t, n, time.Hour, evidenttest.LoseUnsynced)
	}, evidenttest.WithProcessors(dunning(time.Hour)), evidenttest.WithoutLedger())
}

func TestTimersFireOnceThoughTheNodeCrashes(t *testing.T) {
	for _, loss := range []evidenttest.Loss{evidenttest.LoseUnsynced, evidenttest.TearUnsynced, evidenttest.LoseNothing} {
		t.Run(loss.String(), func(t *testing.T) {
			evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
				crashWhileDue(t, n, time.Minute, loss)
				n.Advance(4 * time.Minute)
				if got, want := reminded(n), []string{"Alice=1", "Alice=2", "Alice=3", "Bob=1"}; !slices.Equal(got, want) {
					t.Errorf("reminded %q, want %q", got, want)
				}
			}, evidenttest.WithProcessors(dunning(time.Minute)), evidenttest.WithoutLedger())
		})
	}
}

// crashWhileDue has two timers come due while the node is down, and one of them taken back
// before another crash.
func crashWhileDue(t *testing.T, n *evidenttest.Node, every time.Duration, loss evidenttest.Loss) {
	t.Helper()
	dunningTopics(t, n)
	orderOf(t, n, "orders", "Alice", "Bob")
	n.Await(evidenttest.Quiet())
	n.Advance(every - 10*time.Second)
	if got := reminded(n); len(got) > 0 {
		t.Errorf("reminded too soon: %q", got)
	}
	n.CutPower(loss)
	n.Advance(20 * time.Second)
	n.Restart()
	n.Await(evidenttest.Records("reminders", 2))
	orderOf(t, n, "payments", "Bob")
	n.CutPower(loss)
	n.Restart()
	n.Await(evidenttest.Quiet())
	if got, want := reminded(n), []string{"Alice=1", "Bob=1"}; !slices.Equal(got, want) {
		t.Errorf("reminded %q, want %q", got, want)
	}
}

// Whichever request of a step is lost, or cuts the power, each reminder is sent once.
func TestEachReminderIsSentOnceWhateverHappensToTheStepsRequests(t *testing.T) {
	for _, key := range []kmsg.Key{kmsg.Produce, kmsg.TxnOffsetCommit, kmsg.EndTxn} {
		for _, do := range []evidenttest.Effect{evidenttest.LoseRequest, evidenttest.LoseAnswer, evidenttest.CutPower} {
			t.Run(fmt.Sprint(key.Name(), " ", do), func(t *testing.T) {
				evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
					dunningTopics(t, n)
					orderOf(t, n, "orders", "Alice", "Bob", "Carol")
					n.Await(evidenttest.Quiet())
					n.Supervise(10 * time.Second)
					fault := n.Inject(evidenttest.RequestFault{Requests: []kmsg.Key{key}, When: evidenttest.When{Times: 2}, Do: do})
					n.Advance(3 * time.Minute)
					n.Await(evidenttest.Records("reminders", 9))
					n.Never(evidenttest.Records("reminders", 10))
					if fault.Hits() != 2 {
						t.Errorf("the fault has hit %d times", fault.Hits())
					}
				}, evidenttest.WithProcessors(dunning(time.Minute)), evidenttest.WithoutLedger())
			})
		}
	}
}
