package demo

import "fmt"

// Notice is the data of UserNotified.
type Notice struct {
	Order    string `json:"order"`
	Customer string `json:"customer"`
	Channel  string `json:"channel"`
	Text     string `json:"text"`
}

// notification tells customers how their orders stand. Who bought without an
// account left no address, so cannot be told.
type notification struct {
	totals NoticeTotals
}

func (n *notification) handle(e Event) ([]draft, error) {
	if e.Type != OrderStatusUpdated {
		return nil, nil
	}
	return handleData(e, n.notify)
}

func (n *notification) notify(e Event, s OrderStatus) []draft {
	if s.Customer == "" {
		n.totals.NoAddress++
		return nil
	}
	n.totals.Sent++
	notice := Notice{Order: s.Order, Customer: s.Customer, Channel: "email", Text: s.text()}
	return []draft{{eventType: UserNotified, order: s.Order, key: e.Key, step: s.Status, data: notice}}
}

// text returns what the customer is told.
func (s OrderStatus) text() string {
	subject := fmt.Sprintf("Your %s %s of %v", s.Kind, s.Order, s.Amount)
	switch s.Status {
	case StatusReceived:
		return subject + " has arrived with us."
	case StatusShipped:
		return subject + " is on its way: " + s.Tracking + "."
	case StatusCompleted:
		return subject + " is complete."
	case StatusPaymentFailed:
		return subject + " could not be charged: " + s.Reason + "."
	case StatusRefunded:
		return subject + " is done: your money is on its way back."
	case StatusPartlyRefunded:
		return subject + " is done: what you had paid of it is on its way back."
	case StatusRefundDeclined:
		return subject + " brings no money back: " + s.Reason + "."
	}
	return subject + " is now " + s.Status + "."
}
