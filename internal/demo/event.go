package demo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
)

// The types of events.
const (
	OrderPlaced            = "OrderPlaced"
	OrderCancelled         = "OrderCancelled"
	PaymentProcessed       = "PaymentProcessed"
	PaymentFailed          = "PaymentFailed"
	InventoryUpdated       = "InventoryUpdated"
	ShippingLabelGenerated = "ShippingLabelGenerated"
	OrderStatusUpdated     = "OrderStatusUpdated"
	UserNotified           = "UserNotified"
	OrderFlagged           = "OrderFlagged"
	RowRefused             = "RowRefused"
)

// The topics of the order system.
const (
	TopicOrders        = "orders"
	TopicPayments      = "payments"
	TopicInventory     = "inventory"
	TopicShipping      = "shipping"
	TopicOrderStatus   = "order-status"
	TopicNotifications = "notifications"
	TopicSuspicious    = "suspicious-orders"
	TopicRefusedRows   = "refused-rows"
)

// topics lists every topic once, in the order of an order's way through them.
func topics() []string {
	return []string{
		TopicOrders, TopicPayments, TopicInventory, TopicShipping,
		TopicOrderStatus, TopicNotifications, TopicSuspicious, TopicRefusedRows,
	}
}

// topicOf returns the topic that events of a type are written to.
func topicOf(eventType string) string {
	switch eventType {
	case OrderPlaced, OrderCancelled:
		return TopicOrders
	case PaymentProcessed, PaymentFailed:
		return TopicPayments
	case InventoryUpdated:
		return TopicInventory
	case ShippingLabelGenerated:
		return TopicShipping
	case OrderStatusUpdated:
		return TopicOrderStatus
	case UserNotified:
		return TopicNotifications
	case OrderFlagged:
		return TopicSuspicious
	}
	return TopicRefusedRows
}

// draft is an event as a rule decides it: what happened to which order. The service that
// runs the rule adds who says so, when, and because of what.
type draft struct {
	eventType string
	order     string
	key       string // of the partition; the order if it is empty
	// step tells several events of one type about one order apart.
	step string
	data any
}

// event returns the draft as an event that source says, led to by another one; nil: it is
// the first. Its id follows from what happened.
func (d draft) event(source string, cause *event.Event, at time.Time) (event.Event, error) {
	var data bytes.Buffer
	encoder := json.NewEncoder(&data)
	encoder.SetEscapeHTML(false) // "&" is common in descriptions, and people read them
	if err := encoder.Encode(d.data); err != nil {
		return event.Event{}, fmt.Errorf("%s of order %s: %w", d.eventType, d.order, err)
	}
	id := d.order + "-" + d.eventType
	if d.step != "" {
		id += "-" + d.step
	}
	e := event.Event{
		ID: id, Source: source, Type: d.eventType, Subject: d.order, Time: event.At(at),
		DataContentType: "application/json", Data: bytes.TrimSuffix(data.Bytes(), []byte{'\n'}),
	}
	e.SetExtension(event.CorrelationID, event.String(d.order))
	if cause != nil {
		e.CausedBy(cause)
	}
	if d.key != "" {
		e.SetExtension(event.PartitionKey, event.String(d.key))
	}
	return e, nil
}

// record returns an event as a Kafka record for its type's topic.
func record(e *event.Event) (*kgo.Record, error) {
	r, err := e.Record()
	if err != nil {
		return nil, fmt.Errorf("event %s: %w", e.ID, err)
	}
	headers := make([]kgo.RecordHeader, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = kgo.RecordHeader(h)
	}
	return &kgo.Record{Topic: topicOf(e.Type), Key: r.Key, Value: r.Value, Headers: headers}, nil
}

// errForeign says that a record is not the demo's.
var errForeign = errors.New("not an event of the demo")

// readEvent reads an event of any run. Records that somebody else wrote give errForeign.
func readEvent(r *kgo.Record) (event.Event, error) {
	headers := make([]event.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = event.Header(h)
	}
	e, err := event.FromRecord(&event.Record{Topic: r.Topic, Key: r.Key, Value: r.Value, Headers: headers})
	switch {
	case err != nil:
		return e, fmt.Errorf("%w: topic %s, partition %d, offset %d: %w", errForeign, r.Topic, r.Partition, r.Offset, err)
	case runOf(&e) == "":
		return e, fmt.Errorf("%w: topic %s, partition %d, offset %d: its source is %q", errForeign, r.Topic, r.Partition, r.Offset, e.Source)
	}
	return e, nil
}

// runOf is what the sources of all events of a run begin with; empty if the event is not
// the demo's.
func runOf(e *event.Event) string {
	run, _ := strings.CutPrefix(e.Source, sourcePrefix)
	name, _, ok := strings.Cut(run, "/")
	if !ok || len(run) == len(e.Source) {
		return ""
	}
	return sourcePrefix + name + "/"
}

// keyOf is what the event's partition goes by.
func keyOf(e *event.Event) string {
	key, _ := e.PartitionKey()
	return key
}

// decode reads the event's data.
func decode[T any](e *event.Event) (T, error) {
	var data T
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return data, fmt.Errorf("data of event %s from %s: %w", e.ID, e.Source, err)
	}
	return data, nil
}
