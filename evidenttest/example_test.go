package evidenttest_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/client"
	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/node"
)

// A test of a producer: what it produced is looked at, and time passes at once.
func ExampleRun() {
	test := func(t *testing.T) {
		evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
			c := n.Client(kgo.AllowAutoTopicCreation())
			c.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("tea")})
			n.Advance(15 * time.Minute)
			c.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("milk")})
			n.Await(evidenttest.Records("orders", 2))
			for _, r := range n.Records("orders") {
				fmt.Println(r.Timestamp.UTC().Format(time.TimeOnly), string(r.Value))
			}
		})
	}
	asGoTest(test)
	// Output:
	// 00:00:00 tea
	// 00:15:00 milk
}

// A consumer with retries and dead letters: the bank does not answer at first, and one
// customer has no money. The pauses between attempts pass at once.
func ExampleNode_Await() {
	away := 2 // attempts on which the bank does not answer
	pay := func(ctx context.Context, m *client.Message) error {
		if m.Subject == "Bob" {
			return client.Permanent(errors.New("no money"))
		}
		if away--; away >= 0 {
			return errors.New("the bank does not answer")
		}
		return m.Emit("payments", &event.Event{Type: "OrderPaid", Subject: m.Subject})
	}
	test := func(t *testing.T) {
		evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
			p := n.Process("payment")
			c, err := client.Connect(t.Context(), nil, client.WithKafka(p.Options()...), client.WithSource("/shop"))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			kadm.NewClient(c.Kafka()).CreateTopics(t.Context(), 1, 1, nil, "orders", "payments")
			consumer, err := c.Consumer("payment", []string{"orders"}, pay, client.Retry(client.Policy{Attempts: 3, Backoff: time.Hour}))
			if err != nil {
				t.Fatal(err)
			}
			go consumer.Run(p.Context())

			for _, customer := range []string{"Alice", "Bob"} {
				c.Producer().Produce(t.Context(), "orders", &event.Event{Type: "OrderPlaced", Subject: customer})
			}
			n.Await(evidenttest.Event("payments", evidenttest.Subject("Alice")))
			n.Await(evidenttest.Records("dlq.payment", 1))
			n.Never(evidenttest.Event("payments", evidenttest.Subject("Bob"))) // waits until nothing more can come
			fmt.Println(len(n.Events("payments")), "paid")
		})
	}
	asGoTest(test)
	// Output: 1 paid
}

// A network on which every other answer to a producer is lost, so that it does not know
// whether its record is there. Its records are there once all the same.
func ExampleNode_Inject() {
	test := func(t *testing.T) {
		evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
			n.Inject(evidenttest.RequestFault{
				Requests: []kmsg.Key{kmsg.Produce}, Topic: "orders",
				When: evidenttest.When{Chance: 0.5}, Do: evidenttest.LoseAnswer,
			})
			n.Inject(evidenttest.RequestFault{Requests: []kmsg.Key{kmsg.Produce}, Delay: 2 * time.Second})
			c := n.Client(kgo.AllowAutoTopicCreation())
			for i := range 10 {
				c.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: fmt.Append(nil, i)})
			}
			for _, r := range n.Records("orders") {
				fmt.Print(string(r.Value), " ")
			}
		})
	}
	asGoTest(test)
	// Output: 0 1 2 3 4 5 6 7 8 9
}

// A processor's timer comes due while the node has no power, and fires when it is back.
func ExampleNode_CutPower() {
	test := func(t *testing.T) {
		evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
			admin := kadm.NewClient(n.Client())
			admin.CreateTopics(t.Context(), 1, 1, nil, "orders", "payments", "reminders")
			n.Client().ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Key: []byte("Alice")})
			n.Await(evidenttest.Quiet()) // the processor has handled it

			n.CutPower(evidenttest.LoseUnsynced)
			n.Advance(20 * time.Minute)
			n.Restart()
			n.Await(evidenttest.Records("reminders", 1))
			fmt.Println(string(n.Records("reminders")[0].Key), "is reminded")
		}, evidenttest.WithProcessors(dunning(10*time.Minute)), evidenttest.WithoutLedger())
	}
	asGoTest(test)
	// Output: Alice is reminded
}

// A group whose member is cut off from the network has its records handled by another.
func ExampleProcess_Disconnect() {
	test := func(t *testing.T) {
		evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
			kadm.NewClient(n.Client()).CreateTopics(t.Context(), 1, 1, nil, "orders")
			by := make(chan string, 2)
			first := n.Process("first")
			consume(t, first.Client(member("billing", "orders")...), func(*kgo.Record) { by <- "first" })
			n.Client().ProduceSync(t.Context(), &kgo.Record{Topic: "orders"})
			fmt.Println("by", <-by)
			n.Await(evidenttest.Consumed("billing"))

			first.Disconnect()
			consume(t, n.Process("second").Client(member("billing", "orders")...), func(*kgo.Record) { by <- "second" })
			n.Client().ProduceSync(t.Context(), &kgo.Record{Topic: "orders"})
			fmt.Println("by", <-by)
		})
	}
	asGoTest(test)
	// Output:
	// by first
	// by second
}

// A processor that reminds of what is not paid for an hour, without a node: a day of it
// takes a millisecond.
func ExampleDrive() {
	reminders := node.Processor{
		Name: "reminders", Version: 1, Inputs: []string{"orders", "payments"}, Timers: true,
		New: func(node.Task) node.Handler { return reminder{} },
	}
	test := func(t *testing.T) {
		d := evidenttest.Drive(t, reminders, evidenttest.DriveTwice())
		d.Pipe(&kgo.Record{Topic: "orders", Key: []byte("Alice")})
		d.Advance(20 * time.Minute)
		d.Pipe(&kgo.Record{Topic: "orders", Key: []byte("Bob")})
		d.Pipe(&kgo.Record{Topic: "payments", Key: []byte("Alice")})
		fmt.Println(len(d.Timers()), "timer is set")
		d.Advance(24 * time.Hour)
		for _, r := range d.Outputs("reminders") {
			fmt.Println(r.Timestamp.UTC().Format(time.TimeOnly), string(r.Key))
		}
	}
	asGoTest(test)
	// Output:
	// 1 timer is set
	// 01:20:00 Bob
}

// reminder sets a timer for each order, and takes it back when that is paid.
type reminder struct{}

func (reminder) Handle(s node.Step, r *kgo.Record) error {
	timer := node.Timer{Key: r.Key, Name: "remind", At: s.Now().Add(time.Hour)}
	if r.Topic == "payments" {
		return s.StopTimer(timer)
	}
	return s.SetTimer(timer)
}

func (reminder) Fire(s node.Step, t node.Timer) error {
	return s.Emit(node.Output{Topic: "reminders", Key: t.Key})
}
