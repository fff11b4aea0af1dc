package demo

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Report is what a run did. Its numbers add up; [Run] checks that they do.
type Report struct {
	Orders     string          `json:"orders"` // where the rows came from
	Feed       FeedCounts      `json:"feed"`
	FirstOrder string          `json:"firstOrder,omitempty"` // the first order or cancellation sent
	Events     int             `json:"events"`               // in all topics
	Topics     map[string]int  `json:"topics"`               // events by topic
	Services   []ServiceCounts `json:"services"`
	Statuses   []StatusCount   `json:"statuses"` // final ones
	Payments   PaymentTotals   `json:"payments"`
	Stock      StockTotals     `json:"stock"`
	Shipping   ShippingTotals  `json:"shipping"`
	Notices    NoticeTotals    `json:"notices"`
	Suspicious SuspicionTotals `json:"suspicious"`
	Repeated   int             `json:"repeated"` // events that lie in the log twice
	Foreign    int             `json:"foreign"`  // records that are not of this run
	Kills      int             `json:"kills"`    // how often the node was killed
	Latency    Latency         `json:"latency"`
	Seconds    float64         `json:"seconds"`         // from the first row read to the last event handled
	OrderRate  float64         `json:"ordersPerSecond"` // orders and cancellations
	EventRate  float64         `json:"eventsPerSecond"`
	Proof      *Proof          `json:"proof,omitempty"`
	Kafka      string          `json:"kafka,omitempty"` // address of the node's Kafka listener
	HTTP       string          `json:"http,omitempty"`
	Data       string          `json:"data,omitempty"` // the folder kept; empty: it was a temporary one
	shared     bool            // the events are on a cluster that stays
}

// FeedCounts are the rows and invoices that came in.
type FeedCounts struct {
	Rows     RowCounts     `json:"rows"`
	Invoices InvoiceCounts `json:"invoices"`
	// Ordered and Cancelled are the amounts of all orders and cancellations.
	Ordered   Money `json:"ordered"`
	Cancelled Money `json:"cancelled"`
}

// RowCounts are rows: Read = Accepted + Refused, and Refused is the sum of RefusedBy.
type RowCounts struct {
	Read      int            `json:"read"`
	Accepted  int            `json:"accepted"`
	Refused   int            `json:"refused"`
	RefusedBy map[Reason]int `json:"refusedBy"`
	// Defects are of rows as they were read, refused or accepted; a row may
	// have several.
	Defects map[Defect]int `json:"defects"`
	// Remarks are on accepted rows; a row may have several.
	Remarks map[Remark]int `json:"remarks"`
}

// InvoiceCounts are invoices: Read = Orders + Cancellations + WithoutLines.
type InvoiceCounts struct {
	Read          int `json:"read"`
	Orders        int `json:"orders"`
	Cancellations int `json:"cancellations"`
	WithoutLines  int `json:"withoutLines"` // all rows were refused
	// Matched, PartlyMatched and Unmatched are the cancellations of which all,
	// some or none of the units were ordered in the same data by the same
	// account. Their sum is Cancellations.
	Matched       int `json:"matched"`
	PartlyMatched int `json:"partlyMatched"`
	Unmatched     int `json:"unmatched"`
}

// ServiceCounts are the events of one service.
type ServiceCounts struct {
	Name  string         `json:"name"`
	Reads []string       `json:"reads"`
	In    int            `json:"in"`
	Out   map[string]int `json:"out"` // by type
}

// Sent is how many events the service sent.
func (s ServiceCounts) Sent() int { return sum(s.Out) }

// StatusCount is how many orders or cancellations ended in one status.
type StatusCount struct {
	Kind   string `json:"kind"`
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
	Count  int    `json:"count"`
	Amount Money  `json:"amount"`
}

// PaymentTotals are amounts: Charged + NotCharged is what was ordered,
// Refunded + NotRefunded what was cancelled.
type PaymentTotals struct {
	Charged     Money `json:"charged"`
	NotCharged  Money `json:"notCharged"`
	Refunded    Money `json:"refunded"`
	NotRefunded Money `json:"notRefunded"`
}

// StockTotals are units: Reserved - Released is what was shipped.
type StockTotals struct {
	Articles int   `json:"articles"` // stock codes
	Reserved int64 `json:"reserved"`
	Released int64 `json:"released"`
	Returned int64 `json:"returned"`
}

func (t *StockTotals) add(update StockSummary) {
	switch update.Kind {
	case stockReserved:
		t.Reserved += update.Units
	case stockReleased:
		t.Released += update.Units
	case stockReturned:
		t.Returned += update.Units
	}
}

// ShippingTotals are what was sent.
type ShippingTotals struct {
	Labels int   `json:"labels"`
	Units  int64 `json:"units"`
}

// NoticeTotals are notices: Sent + NoAddress is the number of status updates.
type NoticeTotals struct {
	Sent      int `json:"sent"`
	NoAddress int `json:"noAddress"`
}

// SuspicionTotals are the orders that were flagged.
type SuspicionTotals struct {
	Orders int   `json:"orders"`
	Amount Money `json:"amount"`
}

// Latency is the time from sending an order's first event until its final
// status was committed and read, in milliseconds.
type Latency struct {
	P50 float64 `json:"p50ms"`
	P99 float64 `json:"p99ms"`
	Max float64 `json:"maxms"`
}

// newLatency summarises sorted times by the nearest rank.
func newLatency(sorted []time.Duration) Latency {
	rank := func(percent int) float64 {
		if len(sorted) == 0 {
			return 0
		}
		n := (len(sorted)*percent + 99) / 100
		return float64(sorted[max(n, 1)-1]) / float64(time.Millisecond)
	}
	return Latency{P50: rank(50), P99: rank(99), Max: rank(100)}
}

func (c *FeedCounts) order(o Order) {
	if !isCancellation(o.Order) {
		c.Invoices.Orders++
		c.Ordered += o.Amount
		return
	}
	c.Invoices.Cancellations++
	c.Cancelled += o.Amount
	switch undone, units := o.match(); undone {
	case units:
		c.Invoices.Matched++
	case 0:
		c.Invoices.Unmatched++
	default:
		c.Invoices.PartlyMatched++
	}
}

// started is how many orders and cancellations were sent.
func (c *FeedCounts) started() int { return c.Invoices.Orders + c.Invoices.Cancellations }

// check returns an error that names the first sums that do not agree.
func (r *Report) check() error {
	feed, rows, invoices := r.Feed, r.Feed.Rows, r.Feed.Invoices
	orders, ordered := r.final(kindOrder)
	cancellations, cancelled := r.final(kindCancellation)
	sent := invoices.Orders + invoices.Cancellations + rows.Refused
	for _, s := range r.Services {
		sent += s.Sent()
	}
	return cmp.Or(
		agree("rows read", rows.Read, "accepted and refused", rows.Accepted+rows.Refused),
		agree("rows refused", rows.Refused, "refused by reason", sum(rows.RefusedBy)),
		agree("invoices read", invoices.Read, "orders, cancellations and those without lines",
			invoices.Orders+invoices.Cancellations+invoices.WithoutLines),
		agree("cancellations", invoices.Cancellations, "matched, partly and not",
			invoices.Matched+invoices.PartlyMatched+invoices.Unmatched),
		agree("orders placed", invoices.Orders, "orders with a final status", orders),
		agree("orders cancelled", invoices.Cancellations, "cancellations with a final status", cancellations),
		agree("amount ordered", feed.Ordered, "amount by final status", ordered),
		agree("amount ordered", feed.Ordered, "charged and not", r.Payments.Charged+r.Payments.NotCharged),
		agree("amount cancelled", feed.Cancelled, "amount by final status", cancelled),
		agree("amount cancelled", feed.Cancelled, "refunded and not", r.Payments.Refunded+r.Payments.NotRefunded),
		agree("units reserved", r.Stock.Reserved, "released and shipped", r.Stock.Released+r.Shipping.Units),
		agree("events in topics", r.Events, "events sent", sent),
		agree("status updates", r.Topics[TopicOrderStatus], "two of each order and cancellation", 2*(invoices.Orders+invoices.Cancellations)),
		agree("status updates", r.Topics[TopicOrderStatus], "notices sent and not", r.Notices.Sent+r.Notices.NoAddress),
		agree("orders flagged", r.Suspicious.Orders, "events in "+TopicSuspicious, r.Topics[TopicSuspicious]),
		agree("events that lie in the log twice", r.Repeated, "none may", 0),
	)
}

// final returns how many orders or cancellations have a final status, and their amount.
func (r *Report) final(kind string) (n int, amount Money) {
	for _, s := range r.Statuses {
		if s.Kind == kind {
			n += s.Count
			amount += s.Amount
		}
	}
	return n, amount
}

// SumError says that two numbers of a report that must be equal are not.
type SumError struct{ Left, Right string }

// Error implements error.
func (e *SumError) Error() string {
	return fmt.Sprintf("the report does not add up: %s, but %s", e.Left, e.Right)
}

func agree[T comparable](left string, a T, right string, b T) error {
	if a == b {
		return nil
	}
	return &SumError{Left: fmt.Sprintf("%s: %v", left, a), Right: fmt.Sprintf("%s: %v", right, b)}
}

func sum[K comparable](counts map[K]int) int {
	n := 0
	for _, count := range counts {
		n += count
	}
	return n
}

// byCount returns the keys of counts, the most frequent first.
func byCount[K cmp.Ordered](counts map[K]int) []K {
	return slices.SortedFunc(maps.Keys(counts), func(a, b K) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
}
