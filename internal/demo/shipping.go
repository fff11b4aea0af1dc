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

// storeParcels has the orders of which not both payment and stock are known yet.
const storeParcels = "parcels"

// parcel is an order until both its payment and its stock are known.
type parcel struct {
	Payment string        `json:"payment,omitempty"` // type of the payment's event; empty: not known
	Stock   *StockSummary `json:"stock,omitempty"`
}

// shipping labels an order's parcel when it is paid and its stock is set
// aside, whichever is known first. What takes nothing from stock is not shipped.
func shipping(w *work) error {
	switch w.event.Type {
	case PaymentProcessed, PaymentFailed:
		return with(w, shipPaid)
	case InventoryUpdated:
		return with(w, shipStocked)
	}
	return nil
}

func shipPaid(w *work, p Payment) error {
	if p.Kind != paymentCharge {
		return nil
	}
	return change(w, storeParcels, p.Order, func(waiting *parcel) (bool, error) {
		waiting.Payment = w.event.Type
		return waiting.settle(w, p.Order)
	})
}

func shipStocked(w *work, update StockSummary) error {
	if update.Kind != stockReserved {
		return nil
	}
	return change(w, storeParcels, update.Order, func(waiting *parcel) (bool, error) {
		waiting.Stock = &update
		return waiting.settle(w, update.Order)
	})
}

// settle labels the parcel once both sides are known, if there is one to send.
func (p *parcel) settle(w *work, order string) (done bool, err error) {
	if p.Payment == "" || p.Stock == nil {
		return false, nil
	}
	if p.Payment != PaymentProcessed || p.Stock.Units == 0 {
		return true, nil
	}
	label := Label{
		Order: order, Customer: p.Stock.Customer, Country: p.Stock.Country,
		Service: carrierService(p.Stock.Country), Units: p.Stock.Units, Tracking: "EV" + order + "GB",
	}
	return true, w.send(draft{eventType: ShippingLabelGenerated, order: order, key: keyOf(&w.event), data: label})
}

func carrierService(country string) string {
	if country == "United Kingdom" {
		return "domestic"
	}
	return "international"
}
