package demo

// Label is the data of ShippingLabelGenerated.
type Label struct {
	Order    string `json:"order"`
	Customer string `json:"customer"`
	Country  string `json:"country"`
	Service  string `json:"service"` // domestic or international
	Units    int64  `json:"units"`
	Tracking string `json:"tracking"`
}

// shipping labels an order's parcel when it is paid and its stock is set
// aside, whichever is known first. What takes nothing from stock is not shipped.
type shipping struct {
	waiting map[string]*parcel
	totals  ShippingTotals
}

// parcel is an order until both its payment and its stock are known.
type parcel struct {
	payment string // type of the payment's event; empty: not known
	stock   *StockSummary
}

func newShipping() *shipping { return &shipping{waiting: make(map[string]*parcel)} }

func (s *shipping) handle(e Event) ([]draft, error) {
	switch e.Type {
	case PaymentProcessed, PaymentFailed:
		return handleData(e, s.paid)
	case InventoryUpdated:
		return handleData(e, s.stocked)
	}
	return nil, nil
}

func (s *shipping) paid(e Event, p Payment) []draft {
	if p.Kind != paymentCharge {
		return nil
	}
	waiting := s.parcel(p.Order)
	waiting.payment = e.Type
	return s.settle(e, p.Order, waiting)
}

func (s *shipping) stocked(e Event, update StockSummary) []draft {
	if update.Kind != stockReserved {
		return nil
	}
	waiting := s.parcel(update.Order)
	waiting.stock = &update
	return s.settle(e, update.Order, waiting)
}

// settle labels the parcel once both sides are known, if there is one to send.
func (s *shipping) settle(e Event, order string, p *parcel) []draft {
	if p.payment == "" || p.stock == nil {
		return nil
	}
	delete(s.waiting, order)
	if p.payment != PaymentProcessed || p.stock.Units == 0 {
		return nil
	}
	s.totals.Labels++
	s.totals.Units += p.stock.Units
	label := Label{
		Order: order, Customer: p.stock.Customer, Country: p.stock.Country,
		Service: carrierService(p.stock.Country), Units: p.stock.Units, Tracking: "EV" + order + "GB",
	}
	return []draft{{eventType: ShippingLabelGenerated, order: order, key: e.Key, data: label}}
}

func (s *shipping) parcel(order string) *parcel {
	p, ok := s.waiting[order]
	if !ok {
		p = &parcel{}
		s.waiting[order] = p
	}
	return p
}

func carrierService(country string) string {
	if country == "United Kingdom" {
		return "domestic"
	}
	return "international"
}
