package demo

import (
	"fmt"
	"slices"
	"time"

	"github.com/evidentlog/evident/internal/process"
)

// An order is suspicious if it is one of severalOrders, of largeOrder or more each,
// that one account placed within shortTime.
const (
	largeOrder    Money = 200_000 // £200
	severalOrders       = 2
	shortTime           = 2 * time.Hour
)

// screeningLateness is how far the orders' times may be out of order: an invoice is
// complete, and placed, an hour after its last row.
const screeningLateness = time.Hour

// Suspicion is the data of OrderFlagged.
type Suspicion struct {
	Order    string   `json:"order"`
	Customer string   `json:"customer"`
	Amount   Money    `json:"amount"`
	Currency string   `json:"currency"`
	Reason   string   `json:"reason"`
	Orders   []string `json:"orders"` // all that were within the time when this one was flagged
}

// storeWindows has the large orders of the last while, by account.
const storeWindows = "windows"

// accountWindow has an account's large orders of the last while.
type accountWindow struct {
	Orders []suspect `json:"orders"`
}

type suspect struct {
	Order   string    `json:"order"`
	At      time.Time `json:"at"`
	Amount  Money     `json:"amount"`
	Flagged bool      `json:"flagged,omitempty"`
}

// screening flags suspicious orders. An account's window is kept until event time has
// gone past it.
func screening(w *work) error {
	if w.event.Type != OrderPlaced {
		return nil
	}
	return with(w, func(w *work, order Order) error {
		if order.Customer == "" || order.Amount < largeOrder {
			return nil
		}
		at, err := w.event.Time.Time()
		if err != nil {
			return fmt.Errorf("time of order %s: %w", order.Order, err)
		}
		return change(w, storeWindows, order.Customer, func(window *accountWindow) (bool, error) {
			return window.add(w, order, at)
		})
	})
}

// add takes an order into the window, flags what has become suspicious, and sees that
// the window is closed in time.
func (a *accountWindow) add(w *work, order Order, at time.Time) (done bool, err error) {
	a.forget(at)
	a.Orders = append(a.Orders, suspect{Order: order.Order, At: at, Amount: order.Amount})
	if err := a.flag(w, order.Customer); err != nil {
		return false, err
	}
	return false, w.step.SetTimer(process.Timer{
		Clock: process.EventClock, Key: w.key(order.Customer), Name: storeWindows, At: a.latest().Add(shortTime),
	})
}

// forget leaves out orders that are too far from that time.
func (a *accountWindow) forget(at time.Time) {
	a.Orders = slices.DeleteFunc(a.Orders, func(s suspect) bool { return at.Sub(s.At).Abs() > shortTime })
}

func (a *accountWindow) latest() (latest time.Time) {
	for _, s := range a.Orders {
		if s.At.After(latest) {
			latest = s.At
		}
	}
	return latest
}

// flag flags the orders of the window if they are suspicious, each once.
func (a *accountWindow) flag(w *work, customer string) error {
	if len(a.Orders) < severalOrders {
		return nil
	}
	var names []string
	for _, s := range a.Orders {
		names = append(names, s.Order)
	}
	reason := fmt.Sprintf("%d orders of %v or more by one account within %v", len(names), largeOrder, shortTime)
	for i := range a.Orders {
		s := &a.Orders[i]
		if s.Flagged {
			continue
		}
		s.Flagged = true
		flagged := Suspicion{Order: s.Order, Customer: customer, Amount: s.Amount, Currency: currency, Reason: reason, Orders: names}
		if err := w.send(draft{eventType: OrderFlagged, order: s.Order, key: customer, data: flagged}); err != nil {
			return err
		}
	}
	return nil
}

// closeWindow forgets an account's window, which event time has gone past.
func closeWindow(step process.Step, t process.Timer) error {
	return step.Store(storeWindows).Delete(t.Key)
}
