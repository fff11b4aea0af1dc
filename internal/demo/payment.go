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

// storeUncharged has the orders of accounts that were not charged.
const storeUncharged = "uncharged"

// payment charges orders and pays cancellations back. An order fails without a
// customer account and above the limit. A cancellation is paid back as far as
// the orders that it undoes were charged; what was bought before the data
// begins counts as charged.
func payment(w *work) error {
	switch w.event.Type {
	case OrderPlaced:
		return with(w, charge)
	case OrderCancelled:
		return with(w, refund)
	}
	return nil
}

func charge(w *work, order Order) error {
	outcome := order.payment(paymentCharge)
	outcome.Amount = order.Amount
	switch {
	case order.Customer == "":
		outcome.Reason = reasonNoAccount
	case order.Amount > paymentLimit:
		outcome.Reason = reasonOverLimit
		if err := save(w.step, storeUncharged, w.key(order.Order), true); err != nil {
			return err
		}
	}
	return outcome.send(w)
}

func refund(w *work, order Order) error {
	outcome := order.payment(paymentRefund)
	for _, line := range order.Lines {
		uncharged, err := unchargedOf(w, line)
		if err != nil {
			return err
		}
		if line.Quantity -= uncharged; line.Quantity == 0 {
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
	}
	return outcome.send(w)
}

// unchargedOf is how many units of a cancelled line belong to orders that were
// never charged. Orders and cancellations of a customer share a partition, so
// the order was always seen before.
func unchargedOf(w *work, line Line) (n int64, err error) {
	for _, undo := range line.Undoes {
		uncharged, err := load[bool](w.step, storeUncharged, w.key(undo.Order))
		if err != nil {
			return 0, err
		}
		if uncharged {
			n += undo.Quantity
		}
	}
	return n, nil
}

func (o Order) payment(kind string) Payment {
	return Payment{Order: o.Order, Kind: kind, Customer: o.Customer, Country: o.Country, Currency: o.Currency}
}

// send says what became of the payment.
func (p Payment) send(w *work) error {
	eventType := PaymentProcessed
	if p.Reason != "" {
		eventType = PaymentFailed
	}
	return w.send(draft{eventType: eventType, order: p.Order, key: keyOf(&w.event), data: p})
}
