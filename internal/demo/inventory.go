package demo

// The kinds of stock movement.
const (
	stockReserved = "reserved" // set aside for an order
	stockReleased = "released" // set aside no longer: the payment failed
	stockReturned = "returned" // back from a customer
)

// StockUpdate is the data of InventoryUpdated.
type StockUpdate struct {
	StockSummary
	Stock []StockMovement `json:"stock"`
}

// StockSummary is a StockUpdate without its movements: all that most services
// want to know of it.
type StockSummary struct {
	Order    string `json:"order"`
	Kind     string `json:"kind"` // reserved, released or returned
	Customer string `json:"customer,omitempty"`
	Country  string `json:"country"`
	Units    int64  `json:"units"` // over all movements; 0: nothing of the order lies on a shelf
}

// StockMovement is what one stock code gains (positive) or loses.
type StockMovement struct {
	StockCode string `json:"stockCode"`
	Change    int64  `json:"change"` // units
}

// storeReservations has the orders of which not both sides are known yet.
const storeReservations = "reservations"

// reservation is an order until both its placing and its payment are known;
// they come through different topics, in either order.
type reservation struct {
	Reserved *StockUpdate `json:"reserved,omitempty"`
	Payment  string       `json:"payment,omitempty"` // type of the payment's event; empty: not known
}

// inventory sets stock aside for every order placed, lets it go when the
// payment fails (the compensation of this saga), and takes back what a
// cancellation was refunded for. The data does not say how much stock there
// was, so nothing is ever out of stock.
func inventory(w *work) error {
	switch w.event.Type {
	case OrderPlaced:
		return with(w, reserve)
	case PaymentProcessed, PaymentFailed:
		return with(w, settleReservation)
	}
	return nil
}

func reserve(w *work, order Order) error {
	update := newStockUpdate(StockSummary{
		Order: order.Order, Kind: stockReserved, Customer: order.Customer, Country: order.Country,
	}, order.Lines, -1)
	if err := update.send(w); err != nil {
		return err
	}
	return change(w, storeReservations, order.Order, func(r *reservation) (bool, error) {
		r.Reserved = &update
		return r.settle(w)
	})
}

func settleReservation(w *work, p Payment) error {
	if p.Kind == paymentCharge {
		return change(w, storeReservations, p.Order, func(r *reservation) (bool, error) {
			r.Payment = w.event.Type
			return r.settle(w)
		})
	}
	if w.event.Type == PaymentFailed {
		return nil // not paid back, so not sent back
	}
	update := newStockUpdate(StockSummary{
		Order: p.Order, Kind: stockReturned, Customer: p.Customer, Country: p.Country,
	}, p.Returned, +1)
	return update.send(w)
}

// settle ends a reservation once both sides of it are known.
func (r *reservation) settle(w *work) (done bool, err error) {
	if r.Reserved == nil || r.Payment == "" {
		return false, nil
	}
	if r.Payment == PaymentProcessed {
		return true, nil
	}
	release := *r.Reserved
	release.Kind = stockReleased
	release.Stock = make([]StockMovement, len(r.Reserved.Stock))
	for n, m := range r.Reserved.Stock {
		release.Stock[n] = StockMovement{m.StockCode, -m.Change}
	}
	return true, release.send(w)
}

// send says what moved.
func (u StockUpdate) send(w *work) error {
	return w.send(draft{eventType: InventoryUpdated, order: u.Order, key: keyOf(&w.event), step: u.Kind, data: u})
}

// newStockUpdate moves the lines that lie on a shelf, one movement a stock
// code, in the order in which the lines name them. sign is -1 for out, +1 for in.
func newStockUpdate(summary StockSummary, lines []Line, sign int64) StockUpdate {
	update := StockUpdate{StockSummary: summary, Stock: []StockMovement{}}
	at := make(map[string]int, len(lines))
	for _, line := range lines {
		if line.Service {
			continue
		}
		n, ok := at[line.StockCode]
		if !ok {
			n = len(update.Stock)
			at[line.StockCode] = n
			update.Stock = append(update.Stock, StockMovement{StockCode: line.StockCode})
		}
		update.Stock[n].Change += sign * line.Quantity
		update.Units += line.Quantity
	}
	return update
}
