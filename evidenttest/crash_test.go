package evidenttest_test

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/evidenttest"
)

// unsynced are records that the node has acknowledged and not made durable: with acks=1
// it answers when they are written, and the fault lets no sync end.
func unsynced(t *testing.T, n *evidenttest.Node) {
	c := n.Client(kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	n.Inject(evidenttest.SlowDisk(time.Hour))
	produce(t, c, "orders", "written only")
}

func TestAPowerCutLosesWhatWasNotSynced(t *testing.T) {
	for loss, want := range map[evidenttest.Loss][]string{
		evidenttest.LoseUnsynced: {"synced", "after"},
		evidenttest.LoseNothing:  {"synced", "written only", "after"},
	} {
		t.Run(loss.String(), func(t *testing.T) {
			evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
				c := n.Client(kgo.AllowAutoTopicCreation())
				produce(t, c, "orders", "synced")
				unsynced(t, n)
				n.CutPower(loss)
				n.RemoveFaults()
				n.Restart()
				produce(t, c, "orders", "after")
				wantValues(t, n, "orders", want...)
			})
		})
	}
}

func TestARestartInOrderLosesNothing(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		c := n.Client(kgo.AllowAutoTopicCreation(), kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
		produce(t, c, "orders", "a", "b")
		n.Restart()
		produce(t, c, "orders", "c")
		n.Await(evidenttest.Records("orders", 3)) // acknowledged is not yet durable here
		wantValues(t, n, "orders", "a", "b", "c")
	})
}

// Whenever the power goes, what was acknowledged is there, and in order.
func TestWhatWasAcknowledgedSurvivesAPowerCutAtAnyOperation(t *testing.T) {
	for nth := 1; nth <= 40; nth += 3 {
		for _, loss := range []evidenttest.Loss{evidenttest.LoseUnsynced, evidenttest.TearUnsynced} {
			t.Run(fmt.Sprintf("%d, %v", nth, loss), func(t *testing.T) {
				evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
					c := n.Client(kgo.AllowAutoTopicCreation())
					want := []string{"first"}
					produce(t, c, "orders", want...)
					n.Supervise(time.Second)
					cut := n.Inject(evidenttest.PowerCut(nth, loss))
					for i := range 60 {
						want = append(want, fmt.Sprint(i))
						produce(t, c, "orders", want[i+1])
					}
					if cut.Hits() != 1 {
						t.Errorf("the power was cut %d times", cut.Hits())
					}
					wantValues(t, n, "orders", want...)
				}, evidenttest.WithoutLedger())
			})
		}
	}
}

func TestARequestThatCutsThePowerHasTakenEffect(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		c := n.Client(onceOnly()...)
		produce(t, c, "orders", "before")
		n.Inject(evidenttest.RequestFault{Requests: []kmsg.Key{kmsg.Produce}, When: evidenttest.When{Times: 1}, Do: evidenttest.CutPower})
		if err := produceOne(t, c, "done"); err == nil {
			t.Error("it was acknowledged")
		}
		if _, err := n.Dial(t.Context()); !errors.Is(err, evidenttest.ErrDown) {
			t.Errorf("without power, connecting says %v", err)
		}
		n.Restart()
		wantValues(t, n, "orders", "before", "done")
	})
}

func TestAFullDiskRefusesAndComesBack(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		c := n.Client(onceOnly()...)
		produce(t, c, "orders", "before")
		full := n.Inject(evidenttest.FullDisk())
		if err := produceOne(t, c, "too much"); !errors.Is(err, kerr.KafkaStorageError) {
			t.Errorf("a full disk: %v", err)
		}
		full.Remove()
		n.Await(evidenttest.That("the node to take records again", func() bool { return produceOne(t, c, "after") == nil }))
		if got := values(n.Records("orders")); got[0] != "before" || !slices.Contains(got, "after") {
			t.Errorf("orders has %q", got)
		}
	})
}

func TestAFailingSyncAcknowledgesNothing(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		c := n.Client(onceOnly()...)
		produce(t, c, "orders", "before")
		n.Inject(evidenttest.DiskFault{On: evidenttest.Sync, When: evidenttest.When{Times: 1}, Err: syscall.EIO})
		if err := produceOne(t, c, "not durable"); err == nil {
			t.Error("it was acknowledged")
		}
	})
}

func TestASlowDiskIsSlowByTheTestsClock(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		c := n.Client(kgo.AllowAutoTopicCreation(), kgo.ProduceRequestTimeout(time.Hour))
		produce(t, c, "orders", "before")
		n.Inject(evidenttest.SlowDisk(20 * time.Second))
		began := time.Now()
		produce(t, c, "orders", "slow")
		if took := time.Since(began); took < 20*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}
