package demo

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// bus hands events to the rules of all services without Kafka: each topic
// keeps its order, but how a service's topics interleave is for pick to say.
type bus struct {
	rules  *rules
	topics map[string][]Event
	read   map[string]map[string]int // how many events by service and topic
	pick   func(n int) int
}

func newBus(pick func(n int) int) *bus {
	b := &bus{rules: newRules(), topics: make(map[string][]Event), read: make(map[string]map[string]int), pick: pick}
	for _, s := range b.rules.specs() {
		b.read[s.name] = make(map[string]int)
	}
	return b
}

func (b *bus) send(t require, d draft) {
	event, err := d.event("/demo/test/", "", morning)
	if err != nil {
		t.Fatal(err)
	}
	topic := topicOf(d.eventType)
	b.topics[topic] = append(b.topics[topic], event)
}

// require is what *testing.T and *rapid.T share.
type require interface{ Fatal(...any) }

// settle lets the services work until there is nothing left to do.
func (b *bus) settle(t require) {
	type turn struct {
		spec
		topic string
	}
	for {
		var turns []turn
		for _, s := range b.rules.specs() {
			for _, topic := range s.reads {
				if b.read[s.name][topic] < len(b.topics[topic]) {
					turns = append(turns, turn{s, topic})
				}
			}
		}
		if len(turns) == 0 {
			return
		}
		next := turns[b.pick(len(turns))]
		event := b.topics[next.topic][b.read[next.name][next.topic]]
		b.read[next.name][next.topic]++
		drafts, err := next.rule.handle(event)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range drafts {
			b.send(t, d)
		}
	}
}

// report sums up what the rules did.
func (b *bus) report(feed FeedCounts) Report {
	r := Report{Feed: feed, Topics: make(map[string]int)}
	for topic, events := range b.topics {
		r.Topics[topic] = len(events)
	}
	r.Events = sum(r.Topics)
	for _, s := range b.rules.specs() {
		counts := ServiceCounts{Name: s.name, Reads: s.reads, In: sum(b.read[s.name]), Out: make(map[string]int)}
		for _, topic := range outputsOf(s.name) {
			counts.Out[topic] = len(b.topics[topic])
		}
		r.Services = append(r.Services, counts)
	}
	b.rules.sumUp(&r)
	return r
}

// outputsOf returns the topics that only that service writes to.
func outputsOf(service string) []string {
	return map[string][]string{
		groupPayment: {TopicPayments}, groupInventory: {TopicInventory}, groupShipping: {TopicShipping},
		groupOrderManagement: {TopicOrderStatus}, groupNotification: {TopicNotifications},
	}[service]
}

// ids returns what happened, whatever the order: ids with their data.
func (b *bus) happened() []string {
	var all []string
	for topic, events := range b.topics {
		for _, e := range events {
			all = append(all, fmt.Sprintf("%s %s %s %s", topic, e.ID, e.Key, e.Data))
		}
	}
	slices.Sort(all)
	return all
}

func first(int) int { return 0 }

// drawOrders draws a small shop's invoices, with everything that the rules
// distinguish: no account, above the limit, services only, cancellations of
// what was and was not charged.
func drawOrders(t *rapid.T) ([]Order, FeedCounts) {
	u := newUndoer()
	var orders []Order
	var counts FeedCounts
	for n := range rapid.IntRange(1, 12).Draw(t, "invoices") {
		number := fmt.Sprint(n)
		sign := int64(1)
		if rapid.Bool().Draw(t, "cancels") {
			number, sign = "C"+number, -1
		}
		invoice := &Invoice{
			Number: number, At: morning, Country: rapid.SampledFrom([]string{"United Kingdom", "EIRE"}).Draw(t, "country"),
			Customer: rapid.SampledFrom([]string{"", "17850", "12345"}).Draw(t, "customer"),
		}
		for range rapid.IntRange(1, 3).Draw(t, "lines") {
			invoice.Lines = append(invoice.Lines, Row{
				Invoice: number, Customer: invoice.Customer,
				StockCode: rapid.SampledFrom([]string{"22423", "85123A", "POST"}).Draw(t, "article"),
				Quantity:  sign * rapid.Int64Range(1, 4).Draw(t, "quantity"),
				Price:     Money(rapid.SampledFrom([]int64{0, 1, 2550, 1_500_000}).Draw(t, "price")),
			})
		}
		order := newOrder(invoice, u)
		counts.Invoices.Read++
		counts.order(order)
		orders = append(orders, order)
	}
	return orders, counts
}

func TestOutcomeIsTheSameInWhateverOrderTopicsInterleave(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		orders, counts := drawOrders(t)
		straight := newBus(first)
		shuffled := newBus(func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "turn") })
		for _, b := range []*bus{straight, shuffled} {
			for _, order := range orders {
				b.send(t, order.draft())
			}
			b.settle(t)
		}
		got := shuffled.report(counts)
		if err := got.check(); err != nil {
			t.Fatal(err)
		}
		if want := straight.report(counts); !reflect.DeepEqual(got, want) {
			t.Fatalf("report\n%+v, want\n%+v", got, want)
		}
		if got, want := shuffled.happened(), straight.happened(); !slices.Equal(got, want) {
			t.Fatalf("events\n%q, want\n%q", got, want)
		}
	})
}

func TestIDsTellAllEventsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		orders, _ := drawOrders(t)
		b := newBus(first)
		for _, order := range orders {
			b.send(t, order.draft())
		}
		b.settle(t)
		seen := make(map[string]bool)
		for _, events := range b.topics {
			for _, e := range events {
				if seen[e.ID] {
					t.Fatal("two events have the id", e.ID)
				}
				seen[e.ID] = true
			}
		}
	})
}

// story sends invoices of one line each and returns what came of each order.
func story(t *testing.T, invoices ...*Invoice) ([]string, *bus) {
	t.Helper()
	b, u := newBus(first), newUndoer()
	for _, invoice := range invoices {
		b.send(t, newOrder(invoice, u).draft())
	}
	b.settle(t)
	var outcome []string
	for _, e := range b.topics[TopicOrderStatus] {
		status, err := decode[OrderStatus](e)
		if err != nil {
			t.Fatal(err)
		}
		if status.Final {
			outcome = append(outcome, status.Order+" "+status.Status)
		}
	}
	slices.Sort(outcome)
	return outcome, b
}

func invoiceOf(number, customer, stockCode string, quantity int64, price Money) *Invoice {
	row := Row{Invoice: number, Customer: customer, StockCode: stockCode, Quantity: quantity, Price: price, At: time.Time{}}
	return &Invoice{Number: number, Customer: customer, Country: "EIRE", Lines: []Row{row}}
}

func TestEveryOrderEndsAsItsPaymentAndGoodsSay(t *testing.T) {
	got, b := story(t,
		invoiceOf("1", "17850", "22423", 4, 12750),
		invoiceOf("2", "", "22423", 2, 12750),
		invoiceOf("3", "17850", "85123A", 9000, 2550),
		invoiceOf("4", "17850", "POST", 1, 18000),
		invoiceOf("C5", "17850", "22423", -1, 12750),
		invoiceOf("C6", "", "22423", -1, 12750),
		invoiceOf("C7", "17850", "85123A", -9000, 2550),
		invoiceOf("C8", "17850", "85123A", -1, 2550),
		invoiceOf("9", "17850", "47566", 2000, 2550),
		invoiceOf("C10", "17850", "47566", -2001, 2550),
	)
	want := []string{
		"1 Shipped", "2 PaymentFailed", "3 PaymentFailed", "4 Completed", "9 PaymentFailed",
		"C10 PartlyRefunded", // one unit more than the order that was never charged
		"C5 Refunded",
		"C6 RefundDeclined", // no account
		"C7 RefundDeclined", // the order was never charged
		"C8 Refunded",       // bought before the data begins
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := b.rules.inventory.balance, map[string]int64{"22423": -3, "85123A": 1, "47566": 1}; !reflect.DeepEqual(got, want) {
		t.Errorf("stock: %v, want %v", got, want)
	}
}

func TestCustomersWithAnAccountAreToldOfEveryStatus(t *testing.T) {
	_, b := story(t, invoiceOf("1", "17850", "22423", 4, 12750), invoiceOf("2", "", "22423", 2, 12750))
	var texts []string
	for _, e := range b.topics[TopicNotifications] {
		notice, err := decode[Notice](e)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, notice.Customer+": "+notice.Text)
	}
	want := []string{
		"17850: Your order 1 of £51.00 has arrived with us.",
		"17850: Your order 1 of £51.00 is on its way: EV1GB.",
	}
	if !slices.Equal(texts, want) {
		t.Errorf("got %q, want %q", texts, want)
	}
}

func TestUnreadableDataOfAnOwnEventIsAnError(t *testing.T) {
	for _, s := range newRules().specs() {
		for _, topic := range s.reads {
			for _, eventType := range []string{OrderPlaced, PaymentFailed, InventoryUpdated, ShippingLabelGenerated, OrderStatusUpdated} {
				if topicOf(eventType) != topic {
					continue
				}
				if _, err := s.rule.handle(Event{ID: "1", Type: eventType, Data: []byte("{")}); err == nil {
					t.Errorf("%s takes an unreadable %s", s.name, eventType)
				}
			}
		}
	}
}

func TestStatusIsFinalOnlyWhenNothingIsLeftToDo(t *testing.T) {
	order, cancellation := &orderHead{Order: "1", Amount: 2}, &orderHead{Order: "C1", Amount: 2}
	for want, cases := range map[string][]progressOf{
		"": {
			{},
			{payment: PaymentProcessed, stock: stockReserved, tracking: "EV1GB", units: 1}, // not heard of the order itself
			{head: order, kind: kindOrder, payment: PaymentProcessed},
			{head: order, kind: kindOrder, payment: PaymentProcessed, stock: stockReserved, units: 1},
			{head: order, kind: kindOrder, payment: PaymentFailed},
			{head: order, kind: kindOrder, payment: PaymentFailed, stock: stockReserved, units: 1}, // not compensated
			{head: cancellation, kind: kindCancellation, payment: PaymentProcessed},
		},
		StatusShipped:        {{head: order, kind: kindOrder, payment: PaymentProcessed, stock: stockReserved, units: 1, tracking: "EV1GB"}},
		StatusCompleted:      {{head: order, kind: kindOrder, payment: PaymentProcessed, stock: stockReserved}},
		StatusPaymentFailed:  {{head: order, kind: kindOrder, payment: PaymentFailed, stock: stockReleased, units: 1}},
		StatusRefunded:       {{head: cancellation, kind: kindCancellation, payment: PaymentProcessed, moved: 2, stock: stockReturned}},
		StatusPartlyRefunded: {{head: cancellation, kind: kindCancellation, payment: PaymentProcessed, moved: 1, stock: stockReturned}},
		StatusRefundDeclined: {{head: cancellation, kind: kindCancellation, payment: PaymentFailed}},
	} {
		for _, p := range cases {
			if got := p.final(); got != want {
				t.Errorf("%+v is %q, want %q", p, got, want)
			}
		}
	}
}
