package evidenttest_test

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/evidenttest"
)

// failing is a test that may fail, and what it says then.
type failing struct {
	testing.TB
	said   strings.Builder
	failed bool
}

func (f *failing) Helper()      {}
func (f *failing) Failed() bool { return f.failed }
func (f *failing) Errorf(format string, args ...any) {
	f.failed = true
	fmt.Fprintf(&f.said, format+"\n", args...)
}
func (f *failing) Fatal(args ...any)               { f.Fatalf("%s", fmt.Sprint(args...)) }
func (f *failing) Logf(format string, args ...any) { fmt.Fprintf(&f.said, format+"\n", args...) }
func (f *failing) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}

// whatItSays runs a test that is to fail, by a clock of its own, and returns what it
// says.
func whatItSays(t *testing.T, test func(t *testing.T, n *evidenttest.Node)) string {
	t.Helper()
	var said string
	synctest.Test(t, func(t *testing.T) {
		f := &failing{TB: t}
		t.Cleanup(func() { said = f.said.String() }) // after the node's
		n := evidenttest.Start(f)
		done := make(chan struct{})
		go func() {
			defer close(done)
			test(t, n)
		}()
		<-done
		if !f.failed {
			t.Error("the test passed")
		}
	})
	return said
}

// golden compares a text with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	if flag.Lookup("evidenttest.update").Value.String() == "true" {
		if err := os.WriteFile("testdata/"+name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("it says\n%s\nwant\n%s", got, want)
	}
}

// produceEvent produces an event whose record has a partition and a time of its own.
func produceEvent(t *testing.T, c *kgo.Client, topic string, partition int32, e event.Event) {
	t.Helper()
	r, err := e.Record()
	if err != nil {
		t.Fatal(err)
	}
	record := &kgo.Record{Topic: topic, Partition: partition, Key: r.Key, Value: r.Value}
	record.Timestamp = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, h := range r.Headers {
		record.Headers = append(record.Headers, kgo.RecordHeader(h))
	}
	if err := c.ProduceSync(t.Context(), record).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func TestAFailureSaysWhatWasThereInstead(t *testing.T) {
	said := whatItSays(t, func(t *testing.T, n *evidenttest.Node) {
		makeTopic(t, n, "orders", 2, nil)
		c := n.Client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
		for i := range 7 {
			produceEvent(t, c, "orders", 0, event.Event{ID: fmt.Sprint(i), Source: "/shop", Type: "order.placed", Subject: "Alice", Data: []byte(`{"n":1}`)})
		}
		makeTopic(t, n, "other", 1, nil)
		produceEvent(t, c, "other", 0, event.Event{ID: "x", Source: "/shop", Type: "never.shown"})
		n.AwaitWithin(30*time.Second, evidenttest.Event("orders", evidenttest.Type("order.paid")))
	})
	golden(t, "event_missing.txt", said)
}

func TestAFailureToBecomeQuietSaysWhatIsLeft(t *testing.T) {
	said := whatItSays(t, func(t *testing.T, n *evidenttest.Node) {
		makeTopic(t, n, "orders", 1, nil)
		consume(t, n.Client(member("billing", "orders")...), func(*kgo.Record) {})
		produce(t, n.Client(kgo.ProducerLinger(0)), "orders", "a", "b")
		n.Await(evidenttest.Consumed("billing"))
		stuck := make(chan struct{})
		consume(t, n.Client(member("shipping", "orders")...), func(*kgo.Record) { <-stuck })
		t.Cleanup(func() { close(stuck) })
		tx := n.Client(kgo.TransactionalID("transfer"), kgo.ProducerLinger(0))
		if err := tx.BeginTransaction(); err != nil {
			t.Error(err)
		}
		produce(t, tx, "orders", "not committed")
		n.AwaitWithin(20*time.Second, evidenttest.Quiet())
	})
	golden(t, "not_quiet.txt", said)
}

func TestAFailureOfNeverSaysWhatThereIs(t *testing.T) {
	said := whatItSays(t, func(t *testing.T, n *evidenttest.Node) {
		c := n.Client(kgo.AllowAutoTopicCreation())
		produceEvent(t, c, "refunds", 0, event.Event{ID: "1", Source: "/shop", Type: "order.refunded", Subject: "Bob"})
		n.Never(evidenttest.Event("refunds", evidenttest.Subject("Bob")))
	})
	golden(t, "never.txt", said)
}

func TestAFlowThatIsAnotherIsShownLineByLine(t *testing.T) {
	before := flag.Lookup("evidenttest.update").Value.String()
	t.Cleanup(func() { flag.Set("evidenttest.update", before) })
	t.Chdir(t.TempDir())
	pay := func(carols string) func(*testing.T, *evidenttest.Node) {
		return func(t *testing.T, n *evidenttest.Node) {
			c := n.Client(kgo.AllowAutoTopicCreation())
			for _, e := range []event.Event{{Type: "order.paid", Subject: "Bob"}, {Type: carols, Subject: "Carol"}, {Type: "order.paid", Subject: "Alice"}} {
				e.ID, e.Source = "of "+e.Subject, "/shop"
				produceEvent(t, c, "payments", 0, e)
			}
			n.Golden(evidenttest.Flow{Topics: []string{"payments"}})
		}
	}
	flag.Set("evidenttest.update", "true")
	evidenttest.Run(t, pay("order.paid"))
	flag.Set("evidenttest.update", "false")
	evidenttest.Run(t, pay("order.paid"))
	said := whatItSays(t, pay("order.refused"))
	const want = `      order.paid id="of Bob" source=/shop subject=Bob
    key Carol
-     order.paid id="of Carol" source=/shop subject=Carol
+     order.refused id="of Carol" source=/shop subject=Carol
`
	if !strings.Contains(said, want) {
		t.Errorf("it says\n%s\nwant\n%s", said, want)
	}
}

func TestATestThatFailsSaysItsSeed(t *testing.T) {
	said := whatItSays(t, func(t *testing.T, n *evidenttest.Node) {
		n.Inject(evidenttest.RequestFault{When: evidenttest.When{Chance: 0.01}, Delay: time.Millisecond})
		n.Inject(evidenttest.RequestFault{})
	})
	golden(t, "seed.txt", said)
}
