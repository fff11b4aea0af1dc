package demo

import (
	"cmp"
	"slices"
)

// rule is what a service does: it takes an event and its own state to the
// events that follow. It does no I/O and reads no clock, so the same events
// give the same outcome, in whatever order the topics hand them over. State
// lives as long as the run.
type rule interface {
	handle(Event) ([]draft, error)
}

// spec is what makes a service: its name, which is that of its consumer group
// too, the topics it reads, and its rule.
type spec struct {
	name  string
	reads []string
	rule  rule
}

// The names of the services and of their consumer groups.
const (
	groupPayment         = "payment"
	groupInventory       = "inventory"
	groupShipping        = "shipping"
	groupOrderManagement = "order-management"
	groupNotification    = "notification"
)

// rules are the rules of all services.
type rules struct {
	payment      *payment
	inventory    *inventory
	shipping     *shipping
	orders       *orderManagement
	notification *notification
}

func newRules() *rules {
	return &rules{newPayment(), newInventory(), newShipping(), newOrderManagement(), &notification{}}
}

// specs returns the services in the order of an order's way through them.
func (r *rules) specs() []spec {
	return []spec{
		{groupPayment, []string{TopicOrders}, r.payment},
		{groupInventory, []string{TopicOrders, TopicPayments}, r.inventory},
		{groupShipping, []string{TopicPayments, TopicInventory}, r.shipping},
		{groupOrderManagement, []string{TopicOrders, TopicPayments, TopicInventory, TopicShipping}, r.orders},
		{groupNotification, []string{TopicOrderStatus}, r.notification},
	}
}

// sumUp adds what the rules counted to a report.
func (r *rules) sumUp(report *Report) {
	report.Payments, report.Stock = r.payment.totals, r.inventory.totals
	report.Shipping, report.Notices = r.shipping.totals, r.notification.totals
	report.Stock.Articles = len(r.inventory.balance)
	for _, status := range r.orders.finals {
		report.Statuses = append(report.Statuses, *status)
	}
	slices.SortFunc(report.Statuses, func(a, b StatusCount) int {
		return cmp.Or(-cmp.Compare(a.Kind, b.Kind), -cmp.Compare(a.Count, b.Count),
			cmp.Compare(a.Status, b.Status), cmp.Compare(a.Reason, b.Reason))
	})
}
