package demo

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

var morning = time.Date(2010, 12, 9, 8, 0, 0, 0, time.UTC)

// rowOf returns a row of an invoice some minutes into the morning.
func rowOf(invoice string, minutes int) Row {
	return Row{
		Invoice: invoice, StockCode: "22423", Quantity: 1, Price: 12750, Customer: "17850", Country: "EIRE",
		At: morning.Add(time.Duration(minutes) * time.Minute),
	}
}

func numbers(invoices []*Invoice) []string {
	var all []string
	for _, invoice := range invoices {
		all = append(all, fmt.Sprintf("%s:%d+%d", invoice.Number, len(invoice.Lines), invoice.Refused))
	}
	return all
}

func TestRowsOfAnInvoiceMayInterleaveWithOthers(t *testing.T) {
	a := newAssembler()
	for n, invoice := range []string{"1", "1", "2", "1", "3", "2"} {
		if reason, _ := a.add(rowOf(invoice, n)); reason != "" {
			t.Fatalf("row %d refused: %s", n, reason)
		}
	}
	a.refuse("3", time.Time{})
	a.refuse("4", time.Time{})
	if got := a.complete(); len(got) > 0 {
		t.Errorf("%v complete within an hour of their last rows", numbers(got))
	}
	if got, want := numbers(a.rest()), []string{"1:3+0", "2:2+0", "3:1+1", "4:0+1"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestInvoiceIsCompleteAnHourAfterItsLastRow(t *testing.T) {
	a := newAssembler()
	a.add(rowOf("1", 0))
	a.add(rowOf("2", 30))
	a.add(rowOf("3", 61))
	if got, want := numbers(a.complete()), []string{"1:1+0"}; !slices.Equal(got, want) {
		t.Errorf("complete: %v, want %v", got, want)
	}
	if reason, _ := a.add(rowOf("1", 61)); reason != ReasonLate {
		t.Errorf("row of an invoice already sent: %q, want %q", reason, ReasonLate)
	}
	a.refuse("1", time.Time{})
	if got, want := numbers(a.rest()), []string{"2:1+0", "3:1+0"}; !slices.Equal(got, want) {
		t.Errorf("rest: %v, want %v", got, want)
	}
}

func TestInvoiceKeepsToOneCustomerAndItsSize(t *testing.T) {
	a := newAssembler()
	for n := range maxLines {
		if reason, repeated := a.add(rowOf("1", 0)); reason != "" || repeated != (n > 0) {
			t.Fatalf("line %d: %q, repeated %v", n, reason, repeated)
		}
	}
	if reason, _ := a.add(rowOf("1", 0)); reason != ReasonTooMany {
		t.Errorf("line %d: %q, want %q", maxLines, reason, ReasonTooMany)
	}
	stranger := rowOf("1", 0)
	stranger.Customer = "12345"
	if reason, _ := a.add(stranger); reason != ReasonConflict {
		t.Errorf("another customer: %q, want %q", reason, ReasonConflict)
	}
	if got, want := numbers(a.rest()), []string{fmt.Sprintf("1:%d+2", maxLines)}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOpenInvoicesAreBoundedWhenTheClockStandsStill(t *testing.T) {
	a := newAssembler()
	sent := 0
	for n := range maxOpenInvoices + 10 {
		a.add(rowOf(fmt.Sprint(n), 0))
		sent += len(a.complete())
	}
	if sent != 10 || len(a.open) != maxOpenInvoices {
		t.Errorf("%d sent, %d open; want 10 and %d", sent, len(a.open), maxOpenInvoices)
	}
}

func TestCancellationUndoesTheLatestOrdersFirst(t *testing.T) {
	u := newUndoer()
	u.buy("1", "17850", "22423", 5)
	u.buy("2", "17850", "22423", 3)
	u.buy("3", "", "22423", 9)
	for _, c := range []struct {
		customer string
		quantity int64
		want     []Undo
	}{
		{"17850", 4, []Undo{{"2", 3}, {"1", 1}}},
		{"12345", 1, nil},
		{"", 1, nil},
		{"17850", 9, []Undo{{"1", 4}}},
		{"17850", 1, nil},
	} {
		if got := u.cancel(c.customer, "22423", c.quantity); !slices.Equal(got, c.want) {
			t.Errorf("customer %q cancels %d: %v, want %v", c.customer, c.quantity, got, c.want)
		}
	}
}

func TestWallClockOfTheUnitedKingdomIsUnderstood(t *testing.T) {
	for wall, want := range map[string]string{
		"2010-12-09T08:00:00Z": "2010-12-09T08:00:00Z",
		"2011-07-01T10:00:00Z": "2011-07-01T09:00:00Z",
		"2011-03-27T00:59:59Z": "2011-03-27T00:59:59Z",
		"2011-03-27T02:00:00Z": "2011-03-27T01:00:00Z",
		"2011-10-30T00:59:59Z": "2011-10-29T23:59:59Z",
		"2011-10-30T02:00:00Z": "2011-10-30T02:00:00Z",
	} {
		at, err := time.Parse(time.RFC3339, wall)
		if err != nil {
			t.Fatal(err)
		}
		if got := instant(at).UTC().Format(time.RFC3339); got != want {
			t.Errorf("the clock shows %s at %s, want %s", wall, got, want)
		}
	}
}
