package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
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
	TopicRefusedRows   = "refused-rows"
)

// topics lists every topic once, in the order of an order's way through them.
func topics() []string {
	return []string{
		TopicOrders, TopicPayments, TopicInventory, TopicShipping,
		TopicOrderStatus, TopicNotifications, TopicRefusedRows,
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
	}
	return TopicRefusedRows
}

// Event is a CloudEvent 1.0 as it lies in a Kafka record in binary mode
// (CloudEvents Kafka protocol binding, section 3.2): attributes are headers
// with the prefix "ce_", the data is the record's value.
type Event struct {
	ID          string
	Source      string
	Type        string
	Subject     string // the order that it is about
	Time        time.Time
	Correlation string // extension correlationid: the order that started it all
	Causation   string // extension causationid: the id of the event that led to this one; empty: the first

	Key  string // the record's key: the customer, so that one customer's events keep their order
	Data []byte // JSON
}

var errNotCloudEvent = errors.New("not a CloudEvent 1.0 in binary mode")

// record returns the event as a Kafka record for its type's topic.
func (e Event) record() *kgo.Record {
	headers := make([]kgo.RecordHeader, 0, 9)
	header := func(key, value string) {
		headers = append(headers, kgo.RecordHeader{Key: key, Value: []byte(value)})
	}
	header("content-type", "application/json")
	header("ce_specversion", "1.0")
	header("ce_id", e.ID)
	header("ce_source", e.Source)
	header("ce_type", e.Type)
	header("ce_subject", e.Subject)
	header("ce_time", e.Time.Format(time.RFC3339Nano))
	header("ce_correlationid", e.Correlation)
	if e.Causation != "" { // an attribute must not be empty (CloudEvents, section 3)
		header("ce_causationid", e.Causation)
	}
	return &kgo.Record{Topic: topicOf(e.Type), Key: []byte(e.Key), Value: e.Data, Headers: headers}
}

// parseEvent reads what record writes. It returns an error that wraps
// errNotCloudEvent for records that somebody else wrote.
func parseEvent(r *kgo.Record) (Event, error) {
	e := Event{Key: string(r.Key), Data: r.Value}
	version := ""
	for _, h := range r.Headers {
		name, ok := strings.CutPrefix(h.Key, "ce_")
		if !ok {
			continue
		}
		value := string(h.Value)
		switch name {
		case "specversion":
			version = value
		case "id":
			e.ID = value
		case "source":
			e.Source = value
		case "type":
			e.Type = value
		case "subject":
			e.Subject = value
		case "correlationid":
			e.Correlation = value
		case "causationid":
			e.Causation = value
		case "time":
			at, err := time.Parse(time.RFC3339Nano, value)
			if err != nil {
				return Event{}, fmt.Errorf("topic %s, offset %d: %w: ce_time: %w", r.Topic, r.Offset, errNotCloudEvent, err)
			}
			e.Time = at
		}
	}
	if version != "1.0" || e.ID == "" || e.Source == "" || e.Type == "" {
		return Event{}, fmt.Errorf("topic %s, offset %d: %w: specversion %q, id %q, source %q, type %q",
			r.Topic, r.Offset, errNotCloudEvent, version, e.ID, e.Source, e.Type)
	}
	return e, nil
}

// decode reads the event's data.
func decode[T any](e Event) (T, error) {
	var data T
	if err := json.Unmarshal(e.Data, &data); err != nil {
		return data, fmt.Errorf("data of event %s from %s: %w", e.ID, e.Source, err)
	}
	return data, nil
}
