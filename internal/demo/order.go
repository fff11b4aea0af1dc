package demo

import (
	"time"
)

// Line is one line of an order.
type Line struct {
	StockCode   string `json:"stockCode"`
	Description string `json:"description,omitempty"`
	Quantity    int64  `json:"quantity"` // units, positive in a cancellation too
	UnitPrice   Money  `json:"unitPrice"`
	// Service says that the line is paid for, but takes nothing from stock.
	Service bool `json:"service,omitempty"`
	// Undoes are the orders that a line of a cancellation takes units back
	// from; those it does not account for were bought before the data begins,
	// or without an account.
	Undoes []Undo `json:"undoes,omitempty"`
}

// Order is the data of OrderPlaced and OrderCancelled: one invoice.
type Order struct {
	Order       string `json:"order"`
	Customer    string `json:"customer,omitempty"` // empty: no account
	Country     string `json:"country"`
	InvoiceDate string `json:"invoiceDate"` // wall clock in the United Kingdom
	Amount      Money  `json:"amount"`
	Currency    string `json:"currency"`
	Lines       []Line `json:"lines"`
	// RefusedRows is how many rows of the invoice are no lines.
	RefusedRows int `json:"refusedRows,omitempty"`
}

const currency = "GBP"

// newOrder makes the data of an order's event from its invoice, which has at
// least one line.
func newOrder(invoice *Invoice, u *undoer) Order {
	order := Order{
		Order: invoice.Number, Customer: invoice.Customer, Country: invoice.Country,
		InvoiceDate: invoice.At.Format("2006-01-02T15:04:05"), Currency: currency,
		Lines: make([]Line, 0, len(invoice.Lines)), RefusedRows: invoice.Refused,
	}
	cancels := isCancellation(invoice.Number)
	for _, row := range invoice.Lines {
		line := Line{
			StockCode: row.StockCode, Description: row.Description, Quantity: row.Quantity,
			UnitPrice: row.Price, Service: isService(row.StockCode),
		}
		if cancels {
			line.Quantity = -row.Quantity
			line.Undoes = u.cancel(row.Customer, row.StockCode, line.Quantity)
		} else {
			u.buy(order.Order, row.Customer, row.StockCode, row.Quantity)
		}
		order.Amount += row.Price * Money(line.Quantity)
		order.Lines = append(order.Lines, line)
	}
	return order
}

// draft returns the order as the event that starts it.
func (o Order) draft() draft {
	eventType := OrderPlaced
	if isCancellation(o.Order) {
		eventType = OrderCancelled
	}
	return draft{eventType: eventType, order: o.Order, key: o.key(), data: o}
}

// key is what the order's events are keyed by: the customer, or, without an
// account, the order itself.
func (o Order) key() string {
	if o.Customer == "" {
		return "guest-" + o.Order
	}
	return o.Customer
}

// match counts how much of a cancellation is accounted for by orders of the data.
func (o Order) match() (undone, units int64) {
	for _, line := range o.Lines {
		units += line.Quantity
		for _, undo := range line.Undoes {
			undone += undo.Quantity
		}
	}
	return undone, units
}

// instant returns the moment that a wall clock in the United Kingdom shows:
// British Summer Time lasts from the last Sunday of March to the last Sunday
// of October, 01:00 UTC both (Directive 2000/84/EC). So the demo needs no time
// zone database.
func instant(wall time.Time) time.Time {
	begin := lastSunday(wall.Year(), time.March).Add(time.Hour)
	end := lastSunday(wall.Year(), time.October).Add(time.Hour)
	utc := wall.Add(-time.Hour)
	if utc.Before(begin) || !utc.Before(end) {
		return wall
	}
	return wall.Add(-time.Hour).In(time.FixedZone("BST", 3600))
}

func lastSunday(year int, month time.Month) time.Time {
	last := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC)
	return last.AddDate(0, 0, -int(last.Weekday()))
}
