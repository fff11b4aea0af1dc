package demo

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"

	"github.com/evidentlog/evident/event"
)

// bus hands events to the rules of all services without Kafka: each topic
// keeps its order, but how a service's topics interleave is for pick to say.
type bus struct {
	stages map[string]*stage
	topics map[string][]*kgo.Record
	read   map[string]map[string]int // how many events by service and topic
	sums   *sums
	pick   func(n int) int
}

func newBus(pick func(n int) int) *bus {
	b := &bus{
		stages: make(map[string]*stage), topics: make(map[string][]*kgo.Record), read: make(map[string]map[string]int),
		sums: newSums(), pick: pick,
	}
	for _, s := range services() {
		b.read[s.name], b.stages[s.name] = make(map[string]int), newStage()
	}
	return b
}

// send begins an order.
func (b *bus) send(t require, order Order, at time.Time) {
	e, err := order.draft().event("/demo/test/orders", nil, at)
	if err != nil {
		t.Fatal(err)
	}
	b.put(t, &e)
}

// put puts an event into its topic.
func (b *bus) put(t require, e *event.Event) {
	r, err := record(e)
	if err != nil {
		t.Fatal(err)
	}
	b.topics[r.Topic] = append(b.topics[r.Topic], r)
	if _, err := b.sums.add(e); err != nil {
		t.Fatal(err)
	}
}

// require is what *testing.T and *rapid.T share.
type require interface{ Fatal(...any) }

// settle lets the services work until there is nothing left to do.
func (b *bus) settle(t require) {
	type turn struct {
		service
		topic string
	}
	for {
		var turns []turn
		for _, s := range services() {
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
		r := b.topics[next.topic][b.read[next.name][next.topic]]
		b.read[next.name][next.topic]++
		b.handle(t, next.service, r)
	}
}

// handle lets a service handle a record.
func (b *bus) handle(t require, s service, r *kgo.Record) {
	emit := func(r *kgo.Record) {
		e, err := readEvent(r)
		if err != nil {
			t.Fatal(err)
		}
		b.put(t, &e)
	}
	if s.rule == nil {
		b.notify(t, r)
		return
	}
	if err := (code{service: s.name, rule: s.rule}).Handle(testStep{b.stages[s.name], emit}, r); err != nil {
		t.Fatal(err)
	}
}

// notify is the handler of the SDK, without one.
func (b *bus) notify(t require, r *kgo.Record) {
	e, err := readEvent(r)
	if err != nil {
		t.Fatal(err)
	}
	status, err := decode[OrderStatus](&e)
	if err != nil {
		t.Fatal(err)
	}
	if d, ok := status.notice(); ok {
		notice, err := d.event("/demo/test/"+serviceNotification, &e, morning)
		if err != nil {
			t.Fatal(err)
		}
		b.put(t, &notice)
	}
}

// report sums up what the rules did.
func (b *bus) report(feed FeedCounts) Report {
	r := Report{Feed: feed}
	b.sums.sumUp(&r)
	return r
}

// happened returns what happened, whatever the order: ids with their data.
func (b *bus) happened() []string {
	var all []string
	for _, records := range b.topics {
		for _, r := range records {
			e, _ := readEvent(r)
			all = append(all, fmt.Sprintf("%s %s %s %s", r.Topic, e.ID, r.Key, e.Data))
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
				b.send(t, order, morning)
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
			b.send(t, order, morning)
		}
		b.settle(t)
		if b.sums.repeated != 0 {
			t.Fatalf("%d events have the id of another one", b.sums.repeated)
		}
	})
}

// story sends invoices of one line each and returns what came of each order.
func story(t *testing.T, invoices ...*Invoice) ([]string, *bus) {
	t.Helper()
	b, u := newBus(first), newUndoer()
	for _, invoice := range invoices {
		b.send(t, newOrder(invoice, u), invoice.At)
	}
	b.settle(t)
	var outcome []string
	for _, status := range dataOf[OrderStatus](t, b, TopicOrderStatus) {
		if status.Final {
			outcome = append(outcome, status.Order+" "+status.Status)
		}
	}
	slices.Sort(outcome)
	return outcome, b
}

// dataOf is what the events of a topic say.
func dataOf[T any](t *testing.T, b *bus, topic string) (all []T) {
	t.Helper()
	for _, r := range b.topics[topic] {
		e, err := readEvent(r)
		if err != nil {
			t.Fatal(err)
		}
		data, err := decode[T](&e)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

func invoiceOf(number, customer, stockCode string, quantity int64, price Money) *Invoice {
	row := Row{Invoice: number, Customer: customer, StockCode: stockCode, Quantity: quantity, Price: price, At: morning}
	return &Invoice{Number: number, Customer: customer, Country: "EIRE", At: morning, Lines: []Row{row}}
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
	for _, s := range []string{serviceInventory, serviceShipping, serviceOrderManagement} {
		for store, left := range b.stages[s].stores {
			if len(left) != 0 {
				t.Errorf("%s still has %q in store %s", s, left, store)
			}
		}
	}
}

func TestTheStateOfAnOrderIsItsLastStatus(t *testing.T) {
	_, b := story(t, invoiceOf("1", "17850", "22423", 4, 12750))
	var got OrderStatus
	if err := json.Unmarshal([]byte(b.stages[serviceOrderState].stores[storeOrders]["1"]), &got); err != nil {
		t.Fatal(err)
	}
	want := OrderStatus{
		Order: "1", Kind: kindOrder, Status: StatusShipped, Final: true, Customer: "17850", Amount: 51_000,
		Currency: currency, Tracking: "EV1GB",
	}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestCustomersWithAnAccountAreToldOfEveryStatus(t *testing.T) {
	_, b := story(t, invoiceOf("1", "17850", "22423", 4, 12750), invoiceOf("2", "", "22423", 2, 12750))
	var texts []string
	for _, notice := range dataOf[Notice](t, b, TopicNotifications) {
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
	types := []string{OrderPlaced, PaymentFailed, InventoryUpdated, ShippingLabelGenerated, OrderStatusUpdated}
	for _, s := range services() {
		for _, topic := range s.reads {
			for _, eventType := range types {
				if topicOf(eventType) != topic || s.rule == nil {
					continue
				}
				e := event.Event{ID: "1", Source: "/demo/test/x", Type: eventType, Data: []byte("{")}
				r, err := record(&e)
				if err != nil {
					t.Fatal(err)
				}
				if err := (code{service: s.name, rule: s.rule}).Handle(testStep{stage: newStage()}, r); err == nil {
					t.Errorf("%s takes an unreadable %s", s.name, eventType)
				}
			}
		}
	}
}

func TestRecordsOfOthersAreLeftAlone(t *testing.T) {
	foreign := event.Event{ID: "1", Source: "/shop", Type: OrderPlaced, Data: []byte("{")}
	r, err := record(&foreign)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range services() {
		for _, r := range []*kgo.Record{r, {Topic: TopicOrders, Value: []byte("pizza")}} {
			if s.rule == nil {
				continue
			}
			if err := (code{service: s.name, rule: s.rule}).Handle(testStep{stage: newStage()}, r); err != nil {
				t.Errorf("%s: %v", s.name, err)
			}
		}
	}
}

func TestStatusIsFinalOnlyWhenNothingIsLeftToDo(t *testing.T) {
	order, cancellation := &orderHead{Order: "1", Amount: 2}, &orderHead{Order: "C1", Amount: 2}
	for want, cases := range map[string][]progressOf{
		"": {
			{},
			{Payment: PaymentProcessed, Stock: stockReserved, Tracking: "EV1GB", Units: 1}, // not heard of the order itself
			{Head: order, Kind: kindOrder, Payment: PaymentProcessed},
			{Head: order, Kind: kindOrder, Payment: PaymentProcessed, Stock: stockReserved, Units: 1},
			{Head: order, Kind: kindOrder, Payment: PaymentFailed},
			{Head: order, Kind: kindOrder, Payment: PaymentFailed, Stock: stockReserved, Units: 1}, // not compensated
			{Head: cancellation, Kind: kindCancellation, Payment: PaymentProcessed},
		},
		StatusShipped:        {{Head: order, Kind: kindOrder, Payment: PaymentProcessed, Stock: stockReserved, Units: 1, Tracking: "EV1GB"}},
		StatusCompleted:      {{Head: order, Kind: kindOrder, Payment: PaymentProcessed, Stock: stockReserved}},
		StatusPaymentFailed:  {{Head: order, Kind: kindOrder, Payment: PaymentFailed, Stock: stockReleased, Units: 1}},
		StatusRefunded:       {{Head: cancellation, Kind: kindCancellation, Payment: PaymentProcessed, Moved: 2, Stock: stockReturned}},
		StatusPartlyRefunded: {{Head: cancellation, Kind: kindCancellation, Payment: PaymentProcessed, Moved: 1, Stock: stockReturned}},
		StatusRefundDeclined: {{Head: cancellation, Kind: kindCancellation, Payment: PaymentFailed}},
	} {
		for _, p := range cases {
			if got := p.final(); got != want {
				t.Errorf("%+v is %q, want %q", p, got, want)
			}
		}
	}
}
