package evidenttest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/client"
	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/evidenttest"
)

// What follows is a small system as its author would test it: orders are paid by a bank
// that is not always there, paid orders are shipped, and what cannot be paid is given up.

type order struct {
	Customer string `json:"customer"`
	Pence    int    `json:"pence"`
}

// bank refuses some customers and does not answer others at once.
type bank struct {
	fails map[string]int // how often it does not answer, by customer
	poor  string         // a customer without money
}

var errBankAway = errors.New("the bank does not answer")

func (b *bank) pay(o order) error {
	switch {
	case o.Customer == b.poor:
		return client.Permanent(errors.New("no money"))
	case b.fails[o.Customer] > 0:
		b.fails[o.Customer]--
		return errBankAway
	}
	return nil
}

// emit makes a handler that turns each event into another one, after work.
func emit(topic, eventType string, work func(order) error) client.Handler {
	return client.JSON(func(_ context.Context, o order, m *client.Message) error {
		if err := work(o); err != nil {
			return err
		}
		return m.Emit(topic, &event.Event{Type: eventType, Subject: m.Subject, DataContentType: "application/json", Data: m.Data})
	})
}

// serve runs a service of the system until its process ends.
func serve(t *testing.T, p *evidenttest.Process, group, topic string, h client.Handler) {
	t.Helper()
	c := connect(t, p)
	consumer, err := c.Consumer(group, []string{topic}, h, client.ExactlyOnce(),
		client.Retry(client.Policy{Attempts: 5, Backoff: time.Minute, MaxBackoff: time.Hour}), client.DeadLetters("dlq."+group))
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { <-done })
	go func() {
		defer close(done)
		if err := consumer.Run(p.Context()); err != nil && p.Context().Err() == nil {
			t.Errorf("%s: %v", group, err)
		}
	}()
}

func connect(t *testing.T, p *evidenttest.Process) *client.Client {
	t.Helper()
	c, err := client.Connect(t.Context(), nil, client.WithKafka(p.Options()...), client.WithSource("/shop"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// shop is the whole system, with the bank.
func shop(t *testing.T, n *evidenttest.Node, b *bank) {
	t.Helper()
	for _, topic := range []string{"orders", "payments", "shipments"} {
		makeTopic(t, n, topic, 3, nil)
	}
	serve(t, n.Process("payment"), "payment", "orders", emit("payments", "order.paid", b.pay))
	serve(t, n.Process("shipping"), "shipping", "payments", emit("shipments", "order.shipped", func(order) error { return nil }))
}

// place places orders, one of each customer.
func place(t *testing.T, n *evidenttest.Node, customers ...string) {
	t.Helper()
	producer := connect(t, n.Process("till")).Producer()
	for i, customer := range customers {
		data, err := json.Marshal(order{Customer: customer, Pence: 100 * (i + 1)})
		if err != nil {
			t.Fatal(err)
		}
		e := &event.Event{Type: "order.placed", Subject: fmt.Sprintf("order-%d", i+1), DataContentType: "application/json", Data: data}
		if _, err := producer.Produce(t.Context(), "orders", e); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOrdersArePaidAndShipped(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		shop(t, n, &bank{fails: map[string]int{"Bob": 3}, poor: "Carol"})
		place(t, n, "Alice", "Bob", "Carol")
		n.Await(evidenttest.Event("shipments", evidenttest.Subject("order-2")))
		n.Await(evidenttest.Records("dlq.payment", 1))
		n.Never(evidenttest.Event("shipments", evidenttest.Subject("order-3")))
		n.Golden(evidenttest.Flow{Topics: []string{"orders", "payments", "shipments"}})
	})
}

// Each order is paid and shipped once, whichever answers are lost, and though the power
// fails between two of them.
func TestEachOrderIsPaidAndShippedOnceThoughAnswersAreLostAndThePowerFails(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
				shop(t, n, &bank{fails: map[string]int{"Bob": 1}})
				lost := n.Inject(evidenttest.RequestFault{
					Requests: []kmsg.Key{kmsg.EndTxn, kmsg.TxnOffsetCommit, kmsg.Produce},
					When:     evidenttest.When{Chance: 0.2, Times: 5}, Do: evidenttest.LoseAnswer,
				})
				place(t, n, "Alice", "Bob")
				n.Await(evidenttest.Events("shipments", 2))
				n.Await(evidenttest.Quiet())
				n.CutPower(evidenttest.LoseUnsynced)
				n.Restart()
				place(t, n, "Carol", "Dave", "Eve")
				n.Await(evidenttest.Events("shipments", 5))
				n.Never(evidenttest.Events("shipments", 6))
				n.Never(evidenttest.Events("payments", 6))
				if lost.Hits() == 0 {
					t.Error("no answer was lost")
				}
			}, evidenttest.WithSeed(seed+1))
		})
	}
}

// A process that is killed in the middle of an order leaves it to the one after it.
func TestAnOrderIsPaidThoughItsProcessIsKilled(t *testing.T) {
	evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
		shop(t, n, &bank{})
		makeTopic(t, n, "refunds", 1, nil)
		makeTopic(t, n, "returns", 1, nil)
		first, begun := n.Process("refund-1"), make(chan struct{})
		serve(t, first, "refund", "returns", func(ctx context.Context, _ *client.Message) error {
			close(begun)
			<-ctx.Done() // it is killed before it is done
			return ctx.Err()
		})
		place(t, n, "Alice")
		if _, err := connect(t, n.Process("till")).Producer().Produce(t.Context(), "returns",
			&event.Event{Type: "order.returned", Subject: "order-1", Data: []byte(`{}`)}); err != nil {
			t.Fatal(err)
		}
		<-begun
		first.Kill()
		serve(t, n.Process("refund-2"), "refund", "returns", emit("refunds", "order.refunded", func(order) error { return nil }))
		n.Await(evidenttest.Event("refunds", evidenttest.Subject("order-1")))
		n.Never(evidenttest.Records("refunds", 2))
	})
}
