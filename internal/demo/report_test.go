package demo

import (
	"errors"
	"strings"
	"testing"
)

// settled returns a report whose numbers add up.
func settled(t *testing.T) Report {
	t.Helper()
	_, b := story(t,
		invoiceOf("1", "17850", "22423", 4, 12750),
		invoiceOf("2", "", "22423", 2, 12750),
		invoiceOf("C3", "17850", "22423", -1, 12750),
	)
	feed := FeedCounts{
		Rows:     RowCounts{Read: 3, Accepted: 3},
		Invoices: InvoiceCounts{Read: 3, Orders: 2, Cancellations: 1, Matched: 1},
		Ordered:  76_500, Cancelled: 12_750,
	}
	return b.report(feed)
}

func TestReportThatDoesNotAddUpIsAnError(t *testing.T) {
	whole := settled(t)
	if err := whole.check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Report){
		"a row lost":                  func(r *Report) { r.Feed.Rows.Read++ },
		"a row refused for no reason": func(r *Report) { r.Feed.Rows.Read++; r.Feed.Rows.Refused++ },
		"an invoice lost":             func(r *Report) { r.Feed.Invoices.Read++ },
		"a cancellation unsorted":     func(r *Report) { r.Feed.Invoices.Matched-- },
		"an order without status":     func(r *Report) { r.Feed.Invoices.Orders++; r.Feed.Invoices.Read++ },
		"amount ordered":              func(r *Report) { r.Feed.Ordered++ },
		"amount cancelled":            func(r *Report) { r.Feed.Cancelled++ },
		"amount charged":              func(r *Report) { r.Payments.Charged++ },
		"amount refunded":             func(r *Report) { r.Payments.Refunded++ },
		"amount by status":            func(r *Report) { r.Statuses[0].Amount++ },
		"units shipped":               func(r *Report) { r.Shipping.Units++ },
		"an event too many":           func(r *Report) { r.Events++ },
		"an event twice":              func(r *Report) { r.Repeated++ },
		"an order not flagged":        func(r *Report) { r.Suspicious.Orders++ },
		"a status untold":             func(r *Report) { r.Notices.Sent-- },
	} {
		r := settled(t)
		change(&r)
		var sums *SumError
		if err := r.check(); !errors.As(err, &sums) {
			t.Errorf("%s: got %v, want a *SumError", name, err)
		}
	}
}

func TestWhatToTryNextFitsWhatIsLeft(t *testing.T) {
	for _, c := range []struct {
		name     string
		report   Report
		stay     bool
		has, not string
	}{
		{"running", Report{Kafka: "127.0.0.1:9092", HTTP: "127.0.0.1:8080"}, true,
			"evident consume orders -n 3 -f json -b 127.0.0.1:9092", "temporary"},
		{"kept", Report{Kafka: "127.0.0.1:9092", Data: "/tmp/my data"}, false, "evident serve --data '/tmp/my data'", "-b"},
		{"removed", Report{Kafka: "127.0.0.1:9092"}, false, "evident demo --data", "consume"},
	} {
		var out strings.Builder
		if err := c.report.writeNext(&out, c.stay); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(out.String(), c.has) || strings.Contains(out.String(), c.not) {
			t.Errorf("%s: got %q, want %q in it, and not %q", c.name, out.String(), c.has, c.not)
		}
	}
}
