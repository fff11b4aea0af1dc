package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/evidentlog/evident/client"
)

// Notice is the data of UserNotified.
type Notice struct {
	Order    string `json:"order"`
	Customer string `json:"customer"`
	Channel  string `json:"channel"`
	Text     string `json:"text"`
}

// notify is the service that tells customers how their orders stand. Who bought
// without an account left no address, so cannot be told. It remembers nothing, so it
// is a handler of the SDK and no processor.
func notify(_ context.Context, m *client.Message) error {
	run := runOf(&m.Event)
	if run == "" || m.Type != OrderStatusUpdated {
		return nil
	}
	status, err := decode[OrderStatus](&m.Event)
	if err != nil {
		return client.Permanent(err)
	}
	d, ok := status.notice()
	if !ok {
		return nil
	}
	e, err := d.event(run+serviceNotification, &m.Event, time.Now())
	if err != nil {
		return client.Permanent(err)
	}
	return m.Emit(TopicNotifications, &e)
}

// notice is what the customer is told, if there is one to tell.
func (s OrderStatus) notice() (d draft, ok bool) {
	if s.Customer == "" {
		return draft{}, false
	}
	notice := Notice{Order: s.Order, Customer: s.Customer, Channel: "email", Text: s.text()}
	return draft{eventType: UserNotified, order: s.Order, step: s.Status, data: notice}, true
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
