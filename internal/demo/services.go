package demo

import (
	"time"

	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/process/group"
)

// The names of the services: five processors and a consumer group that make the order
// system, and two processors that look on.
const (
	servicePayment         = "payment"
	serviceInventory       = "inventory"
	serviceShipping        = "shipping"
	serviceOrderManagement = "order-management"
	serviceNotification    = "notification"
	serviceOrderState      = "order-state"
	serviceScreening       = "screening"
)

// service is what a service reads, and what it does about it.
type service struct {
	name     string
	reads    []string
	store    string // what it remembers; empty: nothing
	rule     rule   // nil: it is a handler of the SDK
	lateness time.Duration
	window   func(process.Step, process.Timer) error
}

// services are all services, in the order of an order's way through them.
func services() []service {
	return []service{
		{name: servicePayment, reads: []string{TopicOrders}, store: storeUncharged, rule: payment},
		{name: serviceInventory, reads: []string{TopicOrders, TopicPayments}, store: storeReservations, rule: inventory},
		{name: serviceShipping, reads: []string{TopicPayments, TopicInventory}, store: storeParcels, rule: shipping},
		{
			name: serviceOrderManagement, reads: []string{TopicOrders, TopicPayments, TopicInventory, TopicShipping},
			store: storeOpen, rule: orderManagement,
		},
		{name: serviceOrderState, reads: []string{TopicOrderStatus}, store: storeOrders, rule: orderState},
		{name: serviceNotification, reads: []string{TopicOrderStatus}},
		{
			name: serviceScreening, reads: []string{TopicOrders}, store: storeWindows, rule: screening,
			lateness: screeningLateness, window: closeWindow,
		},
	}
}

// Processors are the services that are processors, for the node that runs them.
func Processors() []process.Processor {
	var all []process.Processor
	for _, s := range services() {
		if s.rule != nil {
			all = append(all, s.processor())
		}
	}
	return all
}

func (s service) processor() process.Processor {
	return process.Processor{
		Name: s.name, Version: 1, Inputs: s.reads, Lateness: s.lateness, Timers: s.window != nil,
		Stores: []process.StoreConfig{{Name: s.store}},
		New: func(process.Task) process.Handler {
			if s.window == nil {
				return process.HandlerFunc(code{service: s.name, rule: s.rule}.Handle)
			}
			return code{s.name, s.rule, s.window}
		},
	}
}

// group is the service's consumer group.
func (s service) group() string {
	if s.rule == nil {
		return s.name
	}
	return group.Name(s.name, 1)
}
