package demo

// The statuses of an order and of a cancellation.
const (
	StatusReceived       = "Received"       // not final: the order is known
	StatusShipped        = "Shipped"        // paid, on its way
	StatusCompleted      = "Completed"      // paid, nothing to ship
	StatusPaymentFailed  = "PaymentFailed"  // not paid, stock let go again
	StatusRefunded       = "Refunded"       // paid back, goods back in stock
	StatusPartlyRefunded = "PartlyRefunded" // the same for what had been charged, which was not all
	StatusRefundDeclined = "RefundDeclined" // not paid back, nothing sent back
)

// What a status is about.
const (
	kindOrder        = "order"
	kindCancellation = "cancellation"
)

// OrderStatus is the data of OrderStatusUpdated.
type OrderStatus struct {
	Order    string `json:"order"`
	Kind     string `json:"kind"` // order or cancellation
	Status   string `json:"status"`
	Final    bool   `json:"final"`
	Customer string `json:"customer,omitempty"`
	Amount   Money  `json:"amount"` // of the order or cancellation
	Currency string `json:"currency"`
	Reason   string `json:"reason,omitempty"`   // why a payment failed
	Tracking string `json:"tracking,omitempty"` // of a parcel shipped
}

// orderHead is what order management wants to know of an Order: not its lines.
type orderHead struct {
	Order    string `json:"order"`
	Customer string `json:"customer"`
	Amount   Money  `json:"amount"`
	Currency string `json:"currency"`
}

// orderManagement follows every order through all other services and says
// where it stands. Each order ends in exactly one final status.
type orderManagement struct {
	open   map[string]*progressOf
	finals map[finalKey]*StatusCount
}

type finalKey struct{ kind, status, reason string }

// progressOf is what is known of an order so far. Its facts come through
// several topics, in any order between them.
type progressOf struct {
	head     *orderHead
	kind     string
	payment  string // type of the payment's event; empty: not known
	reason   string // why the payment failed
	moved    Money  // what the payment moved
	stock    string // the latest kind of stock movement; empty: none
	units    int64
	tracking string
}

func newOrderManagement() *orderManagement {
	return &orderManagement{open: make(map[string]*progressOf), finals: make(map[finalKey]*StatusCount)}
}

func (m *orderManagement) handle(e Event) ([]draft, error) {
	switch e.Type {
	case OrderPlaced, OrderCancelled:
		return handleData(e, m.received)
	case PaymentProcessed, PaymentFailed:
		return handleData(e, m.paid)
	case InventoryUpdated:
		return handleData(e, m.stocked)
	case ShippingLabelGenerated:
		return handleData(e, m.shipped)
	}
	return nil, nil
}

func (m *orderManagement) received(e Event, head orderHead) []draft {
	p := m.progress(head.Order)
	p.head, p.kind = &head, kindOrder
	if e.Type == OrderCancelled {
		p.kind = kindCancellation
	}
	received := draft{
		eventType: OrderStatusUpdated, order: head.Order, key: e.Key, step: StatusReceived,
		data: p.status(StatusReceived, false),
	}
	return append([]draft{received}, m.settle(e, p)...)
}

func (m *orderManagement) paid(e Event, payment Payment) []draft {
	p := m.progress(payment.Order)
	p.payment, p.reason, p.moved = e.Type, payment.Reason, payment.Amount
	return m.settle(e, p)
}

func (m *orderManagement) stocked(e Event, update StockSummary) []draft {
	p := m.progress(update.Order)
	p.stock, p.units = update.Kind, update.Units
	return m.settle(e, p)
}

func (m *orderManagement) shipped(e Event, label Label) []draft {
	p := m.progress(label.Order)
	p.tracking = label.Tracking
	return m.settle(e, p)
}

// settle ends the order when what is known of it makes a final status.
func (m *orderManagement) settle(e Event, p *progressOf) []draft {
	status := p.final()
	if status == "" {
		return nil
	}
	delete(m.open, p.head.Order)
	m.count(p, status)
	return []draft{{
		eventType: OrderStatusUpdated, order: p.head.Order, key: e.Key, step: status,
		data: p.status(status, true), final: true,
	}}
}

// final returns the order's final status, or "" while something is missing.
func (p *progressOf) final() string {
	switch {
	case p.head == nil || p.payment == "":
		return ""
	case p.kind == kindCancellation && p.payment == PaymentFailed:
		return StatusRefundDeclined
	case p.kind == kindCancellation && p.stock == stockReturned && p.moved < p.head.Amount:
		return StatusPartlyRefunded
	case p.kind == kindCancellation && p.stock == stockReturned:
		return StatusRefunded
	case p.kind == kindCancellation:
		return ""
	case p.payment == PaymentFailed && p.stock == stockReleased:
		return StatusPaymentFailed
	case p.payment == PaymentProcessed && p.tracking != "" && p.stock == stockReserved:
		return StatusShipped
	case p.payment == PaymentProcessed && p.stock == stockReserved && p.units == 0:
		return StatusCompleted
	}
	return ""
}

func (p *progressOf) status(status string, final bool) OrderStatus {
	s := OrderStatus{
		Order: p.head.Order, Kind: p.kind, Status: status, Final: final,
		Customer: p.head.Customer, Amount: p.head.Amount, Currency: p.head.Currency,
	}
	if final {
		s.Reason, s.Tracking = p.reason, p.tracking
	}
	return s
}

func (m *orderManagement) count(p *progressOf, status string) {
	key := finalKey{p.kind, status, p.reason}
	c, ok := m.finals[key]
	if !ok {
		c = &StatusCount{Kind: p.kind, Status: status, Reason: p.reason}
		m.finals[key] = c
	}
	c.Count++
	c.Amount += p.head.Amount
}

func (m *orderManagement) progress(order string) *progressOf {
	p, ok := m.open[order]
	if !ok {
		p = &progressOf{}
		m.open[order] = p
	}
	return p
}
