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

// storeOpen has the orders that have no final status yet.
const storeOpen = "open"

// progressOf is what is known of an order so far. Its facts come through
// several topics, in any order between them.
type progressOf struct {
	Head     *orderHead `json:"head,omitempty"`
	Kind     string     `json:"kind,omitempty"`
	Payment  string     `json:"payment,omitempty"` // type of the payment's event; empty: not known
	Reason   string     `json:"reason,omitempty"`  // why the payment failed
	Moved    Money      `json:"moved"`             // what the payment moved
	Stock    string     `json:"stock,omitempty"`   // the latest kind of stock movement; empty: none
	Units    int64      `json:"units"`
	Tracking string     `json:"tracking,omitempty"`
}

// orderManagement follows every order through all other services and says
// where it stands. Each order ends in exactly one final status.
func orderManagement(w *work) error {
	switch w.event.Type {
	case OrderPlaced, OrderCancelled:
		return with(w, orderReceived)
	case PaymentProcessed, PaymentFailed:
		return with(w, func(w *work, payment Payment) error {
			return follow(w, payment.Order, func(p *progressOf) {
				p.Payment, p.Reason, p.Moved = w.event.Type, payment.Reason, payment.Amount
			})
		})
	case InventoryUpdated:
		return with(w, func(w *work, update StockSummary) error {
			return follow(w, update.Order, func(p *progressOf) { p.Stock, p.Units = update.Kind, update.Units })
		})
	case ShippingLabelGenerated:
		return with(w, func(w *work, label Label) error {
			return follow(w, label.Order, func(p *progressOf) { p.Tracking = label.Tracking })
		})
	}
	return nil
}

func orderReceived(w *work, head orderHead) error {
	kind := kindOrder
	if w.event.Type == OrderCancelled {
		kind = kindCancellation
	}
	received := progressOf{Head: &head, Kind: kind}
	if err := received.send(w, StatusReceived, false); err != nil {
		return err
	}
	return follow(w, head.Order, func(p *progressOf) { p.Head, p.Kind = &head, kind })
}

// follow notes a fact about an order, and ends the order when what is known of
// it makes a final status.
func follow(w *work, order string, fact func(*progressOf)) error {
	return change(w, storeOpen, order, func(p *progressOf) (done bool, err error) {
		fact(p)
		status := p.final()
		if status == "" {
			return false, nil
		}
		return true, p.send(w, status, true)
	})
}

// final returns the order's final status, or "" while something is missing.
func (p *progressOf) final() string {
	switch {
	case p.Head == nil || p.Payment == "":
		return ""
	case p.Kind == kindCancellation && p.Payment == PaymentFailed:
		return StatusRefundDeclined
	case p.Kind == kindCancellation && p.Stock == stockReturned && p.Moved < p.Head.Amount:
		return StatusPartlyRefunded
	case p.Kind == kindCancellation && p.Stock == stockReturned:
		return StatusRefunded
	case p.Kind == kindCancellation:
		return ""
	case p.Payment == PaymentFailed && p.Stock == stockReleased:
		return StatusPaymentFailed
	case p.Payment == PaymentProcessed && p.Tracking != "" && p.Stock == stockReserved:
		return StatusShipped
	case p.Payment == PaymentProcessed && p.Stock == stockReserved && p.Units == 0:
		return StatusCompleted
	}
	return ""
}

// send says where the order stands. Its partition goes by the order, so that
// who asks for an order knows where its state is.
func (p *progressOf) send(w *work, status string, final bool) error {
	s := OrderStatus{
		Order: p.Head.Order, Kind: p.Kind, Status: status, Final: final,
		Customer: p.Head.Customer, Amount: p.Head.Amount, Currency: p.Head.Currency,
	}
	if final {
		s.Reason, s.Tracking = p.Reason, p.Tracking
	}
	return w.send(draft{eventType: OrderStatusUpdated, order: s.Order, step: status, data: s})
}
