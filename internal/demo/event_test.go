package demo

import (
	"errors"
	"reflect"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
)

func TestEventIsACloudEventInBinaryMode(t *testing.T) {
	order := Order{Order: "536365", Customer: "17850", Amount: 15300, Currency: currency, Lines: []Line{{StockCode: "22423", Description: "SALT & PEPPER", Quantity: 1, UnitPrice: 15300}}}
	e, err := order.draft().event("/demo/x/orders", nil, morning)
	if err != nil {
		t.Fatal(err)
	}
	record, err := record(&e)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{"topic": record.Topic, "key": string(record.Key), "value": string(record.Value)}
	for _, h := range record.Headers {
		got[h.Key] = string(h.Value)
	}
	want := map[string]string{
		"topic": "orders", "key": "17850",
		"content-type": "application/json", "ce_specversion": "1.0", "ce_id": "536365-OrderPlaced",
		"ce_source": "/demo/x/orders", "ce_type": "OrderPlaced", "ce_subject": "536365",
		"ce_time": "2010-12-09T08:00:00Z", "ce_correlationid": "536365", "ce_partitionkey": "17850",
		"value": `{"order":"536365","customer":"17850","country":"","invoiceDate":"","amount":15.30,"currency":"GBP",` +
			`"lines":[{"stockCode":"22423","description":"SALT & PEPPER","quantity":1,"unitPrice":15.30}]}`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestAnEventSaysWhatLedToIt(t *testing.T) {
	cause, err := Order{Order: "1", Customer: "17850"}.draft().event("/demo/x/orders", nil, morning)
	if err != nil {
		t.Fatal(err)
	}
	e, err := draft{eventType: PaymentFailed, order: "1", data: Payment{}}.event("/demo/x/payment", &cause, morning)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{event.CorrelationID: "1", event.CausationID: "1-OrderPlaced"} {
		if got, _ := e.Extension(name); got.String() != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if runOf(&e) != "/demo/x/" || keyOf(&e) != "1" {
		t.Errorf("run %q, key %q", runOf(&e), keyOf(&e))
	}
}

func TestForeignRecordIsNoEvent(t *testing.T) {
	good := event.Event{ID: "1", Source: "/demo/x/orders", Type: OrderPlaced}
	for name, change := range map[string]func(*event.Event, *kgo.Record){
		"no headers":       func(_ *event.Event, r *kgo.Record) { r.Headers = nil },
		"somebody's event": func(e *event.Event, _ *kgo.Record) { e.Source = "/shop/orders" },
		"no run":           func(e *event.Event, _ *kgo.Record) { e.Source = "/demo/orders" },
	} {
		e, r := good, &kgo.Record{}
		change(&e, r)
		if name != "no headers" {
			var err error
			if r, err = record(&e); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := readEvent(r); !errors.Is(err, errForeign) {
			t.Errorf("%s: got %v, want %v", name, err, errForeign)
		}
	}
}
