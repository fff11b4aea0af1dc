package demo

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/evidentlog/evident/event"
)

// sums are what the events of a run add up to, each counted once.
type sums struct {
	seen     map[string]struct{} // ids, with sources
	repeated int                 // events that lie in the log twice
	foreign  int                 // records that are not of this run
	topics   map[string]int
	sent     map[string]map[string]int // events by service and type

	amounts  map[string]Money   // of orders and cancellations
	payments map[string]Payment // by order; those that failed have a reason
	articles map[string]struct{}
	stock    StockTotals
	shipping ShippingTotals
	notices  NoticeTotals
	flagged  SuspicionTotals
	finals   map[finalKey]*StatusCount
}

type finalKey struct{ kind, status, reason string }

func newSums() *sums {
	return &sums{
		seen: make(map[string]struct{}), topics: make(map[string]int), sent: make(map[string]map[string]int),
		amounts: make(map[string]Money), payments: make(map[string]Payment), articles: make(map[string]struct{}),
		finals: make(map[finalKey]*StatusCount),
	}
}

// add counts an event, and tells whether it ends its order.
func (s *sums) add(e *event.Event) (final bool, err error) {
	id := e.Source + " " + e.ID // unique together (CloudEvents, section 3.1.1)
	if _, repeated := s.seen[id]; repeated {
		s.repeated++
		return false, nil
	}
	s.seen[id] = struct{}{}
	s.topics[topicOf(e.Type)]++
	service := e.Source[strings.LastIndexByte(e.Source, '/')+1:]
	if s.sent[service] == nil {
		s.sent[service] = make(map[string]int)
	}
	s.sent[service][e.Type]++
	return s.addData(e)
}

// addData counts what an event says.
func (s *sums) addData(e *event.Event) (final bool, err error) {
	switch e.Type {
	case OrderPlaced, OrderCancelled:
		err = counted(e, func(o orderHead) { s.amounts[o.Order] = o.Amount })
	case PaymentProcessed, PaymentFailed:
		err = counted(e, func(p Payment) { p.Returned = nil; s.payments[p.Order] = p })
	case InventoryUpdated:
		err = counted(e, s.addStock)
	case ShippingLabelGenerated:
		err = counted(e, func(l Label) { s.shipping.Labels++; s.shipping.Units += l.Units })
	case OrderStatusUpdated:
		err = counted(e, func(o OrderStatus) { final = o.Final; s.addStatus(o) })
	case UserNotified:
		s.notices.Sent++
	case OrderFlagged:
		err = counted(e, func(f Suspicion) { s.flagged.Orders++; s.flagged.Amount += f.Amount })
	}
	return final, err
}

// counted gives the data of an event to what counts it.
func counted[T any](e *event.Event, count func(T)) error {
	data, err := decode[T](e)
	if err == nil {
		count(data)
	}
	return err
}

func (s *sums) addStock(u StockUpdate) {
	s.stock.add(u.StockSummary)
	for _, m := range u.Stock {
		s.articles[m.StockCode] = struct{}{}
	}
}

func (s *sums) addStatus(o OrderStatus) {
	if o.Customer == "" {
		s.notices.NoAddress++
	}
	if !o.Final {
		return
	}
	key := finalKey{o.Kind, o.Status, o.Reason}
	c, ok := s.finals[key]
	if !ok {
		c = &StatusCount{Kind: o.Kind, Status: o.Status, Reason: o.Reason}
		s.finals[key] = c
	}
	c.Count++
	c.Amount += o.Amount
}

// sumUp adds the sums to a report.
func (s *sums) sumUp(r *Report) {
	r.Topics, r.Events, r.Repeated, r.Foreign = maps.Clone(s.topics), sum(s.topics), s.repeated, s.foreign
	for _, service := range services() {
		counts := ServiceCounts{Name: service.name, Reads: service.reads, Out: maps.Clone(s.sent[service.name])}
		if counts.Out == nil {
			counts.Out = map[string]int{}
		}
		for _, topic := range service.reads {
			counts.In += s.topics[topic]
		}
		r.Services = append(r.Services, counts)
	}
	s.sumUpPayments(&r.Payments)
	r.Stock, r.Shipping, r.Notices, r.Suspicious = s.stock, s.shipping, s.notices, s.flagged
	r.Stock.Articles = len(s.articles)
	for _, status := range s.finals {
		r.Statuses = append(r.Statuses, *status)
	}
	slices.SortFunc(r.Statuses, func(a, b StatusCount) int {
		return cmp.Or(-cmp.Compare(a.Kind, b.Kind), -cmp.Compare(a.Count, b.Count),
			cmp.Compare(a.Status, b.Status), cmp.Compare(a.Reason, b.Reason))
	})
}

// sumUpPayments compares what was paid with what was ordered and cancelled.
func (s *sums) sumUpPayments(t *PaymentTotals) {
	for order, p := range s.payments {
		switch {
		case p.Kind == paymentCharge && p.Reason == "":
			t.Charged += p.Amount
		case p.Kind == paymentCharge:
			t.NotCharged += p.Amount
		case p.Reason == "":
			t.Refunded += p.Amount
			t.NotRefunded += s.amounts[order] - p.Amount
		default:
			t.NotRefunded += p.Amount
		}
	}
}
