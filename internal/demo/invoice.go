package demo

import (
	"time"
)

// Invoice is all rows with one InvoiceNo: an order, or the cancellation of one.
type Invoice struct {
	Number   string
	Customer string // empty: bought without an account
	Country  string
	At       time.Time // of its first row; wall clock as in [Row]
	Lines    []Row     // the rows accepted
	Refused  int       // how many of its rows were refused

	last  time.Time // the latest time a row of it was seen
	lines map[lineKey]struct{}
}

// lineKey tells lines of one invoice apart.
type lineKey struct {
	stockCode, description string
	quantity               int64
	price                  Money
}

const (
	// invoiceGap is how long after its last row, by the clock of the data, an
	// invoice is taken to be complete. The rows of an invoice stand together
	// but for a few that interleave with the next one within minutes.
	invoiceGap = time.Hour
	// maxOpenInvoices bounds memory where the clock of the data stands still.
	maxOpenInvoices = 10_000
	// maxLines bounds an invoice (the longest of the year has 1,114 lines), so
	// that it stays below the size limit of a record.
	maxLines = 2_000
)

// assembler puts rows together into invoices, in the order of their first
// rows, without needing all of the file.
type assembler struct {
	open   map[string]*Invoice
	queue  []*Invoice // the open invoices, first seen first
	closed map[string]struct{}
	clock  time.Time // the latest time of any row
}

func newAssembler() *assembler {
	return &assembler{open: make(map[string]*Invoice), closed: make(map[string]struct{})}
}

// add puts a row that is a line of an order into its invoice. It returns why
// the row cannot go there, or whether the invoice has the same line already.
func (a *assembler) add(row Row) (refused Reason, repeated bool) {
	if _, late := a.closed[row.Invoice]; late {
		return ReasonLate, false
	}
	invoice := a.invoice(row.Invoice, row.At)
	if len(invoice.Lines) == 0 {
		invoice.Customer, invoice.Country, invoice.At = row.Customer, row.Country, row.At
	}
	switch {
	case row.Customer != invoice.Customer || row.Country != invoice.Country:
		invoice.Refused++
		return ReasonConflict, false
	case len(invoice.Lines) == maxLines:
		invoice.Refused++
		return ReasonTooMany, false
	}
	key := lineKey{row.StockCode, row.Description, row.Quantity, row.Price}
	_, repeated = invoice.lines[key]
	invoice.lines[key] = struct{}{}
	invoice.Lines = append(invoice.Lines, row)
	return "", repeated
}

// refuse notes that a row of the invoice was refused. at may be zero: unreadable.
func (a *assembler) refuse(number string, at time.Time) {
	if _, late := a.closed[number]; late {
		return
	}
	a.invoice(number, at).Refused++
}

// invoice returns the open invoice of that number and advances the clock.
func (a *assembler) invoice(number string, at time.Time) *Invoice {
	if at.After(a.clock) {
		a.clock = at
	}
	invoice, ok := a.open[number]
	if !ok {
		invoice = &Invoice{Number: number, At: a.clock, lines: make(map[lineKey]struct{})}
		a.open[number] = invoice
		a.queue = append(a.queue, invoice)
	}
	invoice.last = a.clock
	return invoice
}

// complete returns the invoices that are complete by the clock of the data.
func (a *assembler) complete() []*Invoice {
	n := 0
	for n < len(a.queue) && (a.clock.Sub(a.queue[n].last) > invoiceGap || len(a.queue)-n > maxOpenInvoices) {
		n++
	}
	return a.take(n)
}

// rest returns the invoices still open: the file is at its end.
func (a *assembler) rest() []*Invoice { return a.take(len(a.queue)) }

func (a *assembler) take(n int) []*Invoice {
	taken := a.queue[:n:n]
	a.queue = a.queue[n:]
	for _, invoice := range taken {
		delete(a.open, invoice.Number)
		a.closed[invoice.Number] = struct{}{}
		invoice.lines = nil
	}
	return taken
}
