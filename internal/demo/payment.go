package demo

// paymentLimit is the amount above which the payment service does not charge
// an account without a person's consent.
const paymentLimit Money = 3_000_000 // £3,000

// Why a payment failed.
const (
	reasonNoAccount  = "no customer account"
	reasonOverLimit  = "over the limit of one payment"
	reasonNotCharged = "nothing was charged for what is cancelled"
)

// The kinds of payment.
const (
	paymentCharge = "charge"
	paymentRefund = "refund"
)

// Payment is the data of PaymentProcessed and PaymentFailed.
type Payment struct {
	Order    string `json:"order"`
	Kind     string `json:"kind"` // charge or refund
	Customer string `json:"customer,omitempty"`
	Country  string `json:"country"`
	Amount   Money  `json:"amount"` // what was moved, or, when it failed, was to be moved
	Currency string `json:"currency"`
	Reason   string `json:"reason,omitempty"` // why it failed
	// Returned are the lines of a cancellation that were paid back, so whose
	// goods come back.
	Returned []Line `json:"returned,omitempty"`
}

// payment charges orders and pays cancellations back. An order fails without a
// customer account and above the limit. A cancellation is paid back as far as
// the orders that it undoes were charged; what was bought before the data
// begins counts as charged.
type payment struct {
	charged map[string]bool // by order; only of orders with an account
	totals  PaymentTotals
}

func newPayment() *payment { return &payment{charged: make(map[string]bool)} }

func (p *payment) handle(e Event) ([]draft, error) {
	switch e.Type {
	case OrderPlaced:
		return handleData(e, p.charge)
	case OrderCancelled:
		return handleData(e, p.refund)
	}
	return nil, nil
}

func (p *payment) charge(e Event, order Order) []draft {
	outcome := order.payment(paymentCharge)
	outcome.Amount = order.Amount
	switch {
	case order.Customer == "":
		outcome.Reason = reasonNoAccount
	case order.Amount > paymentLimit:
		outcome.Reason = reasonOverLimit
	}
	if order.Customer != "" {
		p.charged[order.Order] = outcome.Reason == ""
	}
	if outcome.Reason != "" {
		p.totals.NotCharged += outcome.Amount
		return []draft{outcome.draft(e, PaymentFailed)}
	}
	p.totals.Charged += outcome.Amount
	return []draft{outcome.draft(e, PaymentProcessed)}
}

func (p *payment) refund(e Event, order Order) []draft {
	outcome := order.payment(paymentRefund)
	for _, line := range order.Lines {
		if line.Quantity -= p.uncharged(line); line.Quantity == 0 {
			continue
		}
		line.Undoes = nil
		outcome.Amount += line.UnitPrice * Money(line.Quantity)
		outcome.Returned = append(outcome.Returned, line)
	}
	switch {
	case order.Customer == "":
		outcome.Reason = reasonNoAccount
	case len(outcome.Returned) == 0:
		outcome.Reason = reasonNotCharged
	}
	if outcome.Reason != "" {
		outcome.Amount, outcome.Returned = order.Amount, nil
		p.totals.NotRefunded += order.Amount
		return []draft{outcome.draft(e, PaymentFailed)}
	}
	p.totals.Refunded += outcome.Amount
	p.totals.NotRefunded += order.Amount - outcome.Amount
	return []draft{outcome.draft(e, PaymentProcessed)}
}

// uncharged is how many units of a cancelled line belong to orders that were
// never charged. Orders and cancellations of a customer share a partition, so
// the order was always seen before.
func (p *payment) uncharged(line Line) int64 {
	var n int64
	for _, undo := range line.Undoes {
		if charged, known := p.charged[undo.Order]; known && !charged {
			n += undo.Quantity
		}
	}
	return n
}

func (o Order) payment(kind string) Payment {
	return Payment{Order: o.Order, Kind: kind, Customer: o.Customer, Country: o.Country, Currency: o.Currency}
}

func (p Payment) draft(cause Event, eventType string) draft {
	return draft{eventType: eventType, order: p.Order, key: cause.Key, data: p}
}

// handleData decodes the data of an event for the rule that wants it.
func handleData[T any](e Event, then func(Event, T) []draft) ([]draft, error) {
	data, err := decode[T](e)
	if err != nil {
		return nil, err
	}
	return then(e, data), nil
}
