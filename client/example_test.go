package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/evidentlog/evident/client"
	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/node"
)

// inProcess is a client of a node in the example's own process, with topics of one
// partition. Programs say client.Connect(ctx, []string{"localhost:9092"}).
func inProcess(ctx context.Context, topics ...string) (*client.Client, func()) {
	n, err := node.Start(ctx, evidenttest.Config())
	if err != nil {
		log.Fatal(err)
	}
	c, err := client.Connect(ctx, nil, client.WithKafka(n.ClientOptions()...), client.WithSource("/shop"))
	if err != nil {
		log.Fatal(err)
	}
	if _, err := kadm.NewClient(c.Kafka()).CreateTopics(ctx, 1, -1, nil, topics...); err != nil {
		log.Fatal(err)
	}
	return c, func() {
		c.Close()
		if err := n.Close(); err != nil {
			log.Print(err)
		}
	}
}

func ExampleProducer_Produce() {
	ctx := context.Background()
	c, stop := inProcess(ctx, "orders")
	defer stop()

	order := &event.Event{Type: "OrderPlaced", Subject: "order-1", DataContentType: "application/json", Data: []byte(`{"total":"9.90"}`)}
	at, err := c.Producer().Produce(ctx, "orders", order)
	fmt.Println(at[0], len(order.ID), order.Source, err)
	// Output: topic orders, partition 0, offset 0 36 /shop <nil>
}

func ExampleClient_Consumer() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	c, stop := inProcess(ctx, "orders", "payments")
	defer stop()
	_, err := c.Producer().Produce(ctx, "orders",
		&event.Event{ID: "1", Type: "OrderPlaced", Subject: "alice", Data: []byte(`{"total":12}`)},
		&event.Event{ID: "2", Type: "OrderPlaced", Subject: "bob", Data: []byte(`{"total":-5}`)},
		&event.Event{ID: "3", Type: "OrderPlaced", Subject: "alice", Data: []byte(`{"total":30}`)})
	if err != nil {
		log.Fatal(err)
	}

	type order struct{ Total int }
	pay := client.JSON(func(ctx context.Context, o order, m *client.Message) error {
		if m.ID == "3" {
			defer cancel() // enough for an example
		}
		if o.Total < 0 {
			return client.Permanent(errors.New("no such total")) // to the topic dlq.payment
		}
		fmt.Println(m.Subject, "pays", o.Total)
		return m.Emit("payments", &event.Event{Type: "PaymentTaken", Subject: m.Subject})
	})
	consumer, err := c.Consumer("payment", []string{"orders"}, pay, client.Retry(client.Policy{Attempts: 5}))
	if err != nil {
		log.Fatal(err)
	}
	err = consumer.Run(ctx)
	s := consumer.Stats()
	fmt.Println(s.Handled, "handled,", s.DeadLetters, "given up", err)
	// Output:
	// alice pays 12
	// alice pays 30
	// 2 handled, 1 given up <nil>
}

func ExampleRequester_Request() {
	ctx, cancel := context.WithCancel(context.Background())
	c, stop := inProcess(ctx, "questions", "answers")
	defer stop()
	server, err := c.Consumer("clerk", []string{"questions"}, client.Answer(func(_ context.Context, m *client.Message) (*event.Event, error) {
		if m.Subject != "tea" {
			return nil, client.Refuse("we have no " + m.Subject)
		}
		return &event.Event{Type: "Price", Data: []byte("3.50")}, nil
	}))
	if err != nil {
		log.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Run(ctx); err != nil {
			log.Print(err)
		}
	})
	defer serving.Wait()
	defer cancel()

	requester, err := c.Requester(ctx, "answers")
	if err != nil {
		log.Fatal(err)
	}
	defer requester.Close()
	price, err := requester.Request(ctx, "questions", &event.Event{Type: "PriceAsked", Subject: "tea"})
	fmt.Println(string(price.Data), err)

	_, err = requester.Request(ctx, "questions", &event.Event{Type: "PriceAsked", Subject: "coffee"})
	var refusal *client.Refusal
	fmt.Println(errors.As(err, &refusal), refusal)
	// Output:
	// 3.50 <nil>
	// true refused: we have no coffee
}

func ExampleOpenTable() {
	ctx := context.Background()
	c, stop := inProcess(ctx, "prices")
	defer stop()
	type price struct{ Cents int }
	prices, err := client.OpenTable[price](c, "prices")
	if err != nil {
		log.Fatal(err)
	}
	defer prices.Close()

	at, err := c.Producer().Produce(ctx, "prices",
		&event.Event{Type: "PriceSet", Subject: "tea", Data: []byte(`{"cents":350}`)},
		&event.Event{Type: "PriceSet", Subject: "tea", Data: []byte(`{"cents":380}`)})
	if err != nil {
		log.Fatal(err)
	}
	if err := prices.WaitFor(ctx, at[1]); err != nil { // read what was written
		log.Fatal(err)
	}
	tea, ok := prices.Get("tea")
	fmt.Println(tea.Cents, ok, prices.Len(), prices.Staleness().Err)
	// Output: 380 true 1 <nil>
}

func ExampleTransactor_Do() {
	ctx := context.Background()
	c, stop := inProcess(ctx, "accounts", "audit")
	defer stop()
	bank := c.Transactor("bank-1")
	defer bank.Close()
	err := bank.Do(ctx, func(p *client.Producer) error {
		if _, err := p.Produce(ctx, "accounts", &event.Event{Type: "Withdrawn", Subject: "alice"}, &event.Event{Type: "Paid", Subject: "bob"}); err != nil {
			return err
		}
		_, err := p.Produce(ctx, "audit", &event.Event{Type: "Transferred"})
		return err
	})
	fmt.Println(err)
	// Output: <nil>
}
