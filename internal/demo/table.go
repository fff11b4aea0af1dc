package demo

import (
	"fmt"
	"io"
	"strconv"
	"strings"
)

// WriteTable writes the report for people.
func (r *Report) WriteTable(w io.Writer) error {
	var b strings.Builder
	r.writeRows(&b)
	r.writeInvoices(&b)
	r.writeServices(&b)
	r.writeStatuses(&b)
	r.writeSums(&b)
	r.writeSpeed(&b)
	r.writeProof(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Report) writeRows(b *strings.Builder) {
	rows := r.Feed.Rows
	heading(b, "Rows of "+r.Orders)
	item(b, rows.Read, "read")
	for _, defect := range byCount(rows.Defects) {
		subitem(b, rows.Defects[defect], string(defect))
	}
	item(b, rows.Refused, "refused: kept in topic "+TopicRefusedRows+" with the reason")
	for _, reason := range byCount(rows.RefusedBy) {
		subitem(b, rows.RefusedBy[reason], string(reason))
	}
	item(b, rows.Accepted, "accepted")
	for _, remark := range byCount(rows.Remarks) {
		subitem(b, rows.Remarks[remark], string(remark))
	}
}

func (r *Report) writeInvoices(b *strings.Builder) {
	invoices := r.Feed.Invoices
	heading(b, "Invoices")
	item(b, invoices.Read, "read")
	item(b, invoices.WithoutLines, "no order: all rows refused")
	item(b, invoices.Orders, OrderPlaced)
	item(b, invoices.Cancellations, OrderCancelled)
	subitem(b, invoices.Matched, "of orders in this data, as far as customer and article tell")
	if invoices.PartlyMatched > 0 {
		subitem(b, invoices.PartlyMatched, "partly so")
	}
	subitem(b, invoices.Unmatched, "of orders before this data, or without customer account")
}

func (r *Report) writeServices(b *strings.Builder) {
	heading(b, "Services%21s%10s", "events in", "out")
	for _, s := range r.Services {
		fmt.Fprintf(b, "  %-18s%9s%10s  %s\n", s.Name, count(s.In), count(s.Sent()), s.outputs())
	}
	fmt.Fprintf(b, "  %s events in %d topics, each once\n", count(r.Events), len(r.Topics))
	if r.Foreign > 0 {
		fmt.Fprintf(b, "  %s records that are not of this run, left alone\n", count(r.Foreign))
	}
	if r.Kills > 0 {
		fmt.Fprintf(b, "  the node was killed %d times meanwhile\n", r.Kills)
	}
}

// outputs lists what the service sent, by type.
func (s ServiceCounts) outputs() string {
	parts := make([]string, 0, len(s.Out))
	for _, eventType := range byCount(s.Out) {
		parts = append(parts, eventType+" "+count(s.Out[eventType]))
	}
	return strings.Join(parts, ", ")
}

func (r *Report) writeStatuses(b *strings.Builder) {
	heading(b, "Final status")
	for _, kind := range []string{kindOrder, kindCancellation} {
		for _, s := range r.Statuses {
			if s.Kind == kind {
				fmt.Fprintf(b, "%10s  %-12s  %-14s  %14v  %s\n", count(s.Count), s.Kind, s.Status, s.Amount, s.Reason)
			}
		}
		n, amount := r.final(kind)
		fmt.Fprintf(b, "%10s  %-12s  %-14s  %14v\n", count(n), kind, "all", amount)
	}
}

func (r *Report) writeSums(b *strings.Builder) {
	p, s := r.Payments, r.Stock
	heading(b, "Money and stock")
	fmt.Fprintf(b, "  ordered    %14v  = %v charged + %v not charged\n", r.Feed.Ordered, p.Charged, p.NotCharged)
	fmt.Fprintf(b, "  cancelled  %14v  = %v refunded + %v not refunded\n", r.Feed.Cancelled, p.Refunded, p.NotRefunded)
	fmt.Fprintf(b, "  reserved   %8s units  = %s shipped + %s released, of %s articles; %s returned\n",
		count(s.Reserved), count(r.Shipping.Units), count(s.Released), count(s.Articles), count(s.Returned))
	fmt.Fprintf(b, "  suspicious %14v  = %s orders flagged: %d or more of %v or more by one account within %v\n",
		r.Suspicious.Amount, count(r.Suspicious.Orders), severalOrders, largeOrder, shortTime)
}

func (r *Report) writeSpeed(b *strings.Builder) {
	heading(b, "Speed")
	fmt.Fprintf(b, "  latency    p50 %.1f ms, p99 %.1f ms, max %.1f ms (order sent to final status committed)\n",
		r.Latency.P50, r.Latency.P99, r.Latency.Max)
	fmt.Fprintf(b, "  throughput %s orders/s, %s events/s over %.2f s, acks=all\n",
		count(int(r.OrderRate)), count(int(r.EventRate)), r.Seconds)
}

func heading(b *strings.Builder, format string, args ...any) {
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	fmt.Fprintf(b, format+"\n", args...)
}

func item(b *strings.Builder, n int, what string) {
	fmt.Fprintf(b, "%10s  %s\n", count(n), what)
}

func subitem(b *strings.Builder, n int, what string) {
	fmt.Fprintf(b, "%18s  %s\n", count(n), what)
}

// count writes a whole number with a comma between groups of three digits.
func count[N int | int64](n N) string {
	digits, negative := strings.CutPrefix(strconv.FormatInt(int64(n), 10), "-")
	if negative {
		return "-" + grouped(digits)
	}
	return grouped(digits)
}
