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

// inventory sets stock aside for every order placed, lets it go when the
// payment fails (the compensation of this saga), and takes back what a
// cancellation was refunded for. The data does not say how much stock there
// was, so balances begin at zero and orders take them below it.
type inventory struct {
	balance map[string]int64 // units by stock code
	waiting map[string]*reservation
	totals  StockTotals
}

// reservation is an order until both its placing and its payment are known;
// they come through different topics, in either order.
type reservation struct {
	reserved *StockUpdate
	payment  string // type of the payment's event; empty: not known
}

func newInventory() *inventory {
	return &inventory{balance: make(map[string]int64), waiting: make(map[string]*reservation)}
}

func (i *inventory) handle(e Event) ([]draft, error) {
	switch e.Type {
	case OrderPlaced:
		return handleData(e, i.placed)
	case PaymentProcessed, PaymentFailed:
		return handleData(e, i.paid)
	}
	return nil, nil
}

func (i *inventory) placed(e Event, order Order) []draft {
	update := newStockUpdate(StockSummary{
		Order: order.Order, Kind: stockReserved, Customer: order.Customer, Country: order.Country,
	}, order.Lines, -1)
	r := i.reservation(order.Order)
	r.reserved = &update
	return append([]draft{i.move(e, update)}, i.settle(e, r)...)
}

func (i *inventory) paid(e Event, p Payment) []draft {
	if p.Kind == paymentCharge {
		r := i.reservation(p.Order)
		r.payment = e.Type
		return i.settle(e, r)
	}
	if e.Type == PaymentFailed {
		return nil // not paid back, so not sent back
	}
	update := newStockUpdate(StockSummary{
		Order: p.Order, Kind: stockReturned, Customer: p.Customer, Country: p.Country,
	}, p.Returned, +1)
	return []draft{i.move(e, update)}
}

// settle ends a reservation once both sides of it are known.
func (i *inventory) settle(e Event, r *reservation) []draft {
	if r.reserved == nil || r.payment == "" {
		return nil
	}
	delete(i.waiting, r.reserved.Order)
	if r.payment == PaymentProcessed {
		return nil
	}
	release := *r.reserved
	release.Kind = stockReleased
	release.Stock = make([]StockMovement, len(r.reserved.Stock))
	for n, m := range r.reserved.Stock {
		release.Stock[n] = StockMovement{m.StockCode, -m.Change}
	}
	return []draft{i.move(e, release)}
}

// move books an update and returns its event.
func (i *inventory) move(cause Event, update StockUpdate) draft {
	for _, m := range update.Stock {
		i.balance[m.StockCode] += m.Change
	}
	i.totals.add(update.StockSummary)
	return draft{
		eventType: InventoryUpdated, order: update.Order, key: cause.Key, step: update.Kind, data: update,
	}
}

func (i *inventory) reservation(order string) *reservation {
	r, ok := i.waiting[order]
	if !ok {
		r = &reservation{}
		i.waiting[order] = r
	}
	return r
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
