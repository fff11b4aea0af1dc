package demo

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestEventIsACloudEventInBinaryMode(t *testing.T) {
	order := Order{Order: "536365", Customer: "17850", Amount: 15300, Currency: currency, Lines: []Line{{StockCode: "22423", Description: "SALT & PEPPER", Quantity: 1, UnitPrice: 15300}}}
	event, err := order.draft().event("/demo/x/orders", "", morning)
	if err != nil {
		t.Fatal(err)
	}
	record := event.record()
	got := map[string]string{"topic": record.Topic, "key": string(record.Key), "value": string(record.Value)}
	for _, h := range record.Headers {
		got[h.Key] = string(h.Value)
	}
	want := map[string]string{
		"topic": "orders", "key": "17850",
		"content-type": "application/json", "ce_specversion": "1.0", "ce_id": "536365-OrderPlaced",
		"ce_source": "/demo/x/orders", "ce_type": "OrderPlaced", "ce_subject": "536365",
		"ce_time": "2010-12-09T08:00:00Z", "ce_correlationid": "536365",
		"value": `{"order":"536365","customer":"17850","country":"","invoiceDate":"","amount":15.30,"currency":"GBP",` +
			`"lines":[{"stockCode":"22423","description":"SALT & PEPPER","quantity":1,"unitPrice":15.30}]}`,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestEventSurvivesItsRecord(t *testing.T) {
	want := Event{
		ID: "1-PaymentProcessed", Source: "/demo/x/payment", Type: PaymentProcessed, Subject: "1",
		Time: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Correlation: "1", Causation: "1-OrderPlaced",
		Key: "guest-1", Data: []byte("{}"),
	}
	got, err := parseEvent(want.record())
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

func TestForeignRecordIsNoEvent(t *testing.T) {
	good := Event{ID: "1", Source: "s", Type: "t", Time: morning}
	for name, change := range map[string]func(*kgo.Record){
		"no headers":    func(r *kgo.Record) { r.Headers = nil },
		"other version": func(r *kgo.Record) { r.Headers[1].Value = []byte("2.0") },
		"no id":         func(r *kgo.Record) { r.Headers[2].Value = nil },
		"bad time":      func(r *kgo.Record) { r.Headers[6].Value = []byte("yesterday") },
	} {
		r := good.record()
		change(r)
		if _, err := parseEvent(r); !errors.Is(err, errNotCloudEvent) {
			t.Errorf("%s: got %v, want %v", name, err, errNotCloudEvent)
		}
	}
}
