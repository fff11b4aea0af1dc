package cloudevents

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	sdk "github.com/cloudevents/sdk-go/v2/event"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"

	"github.com/evidentlog/evident/event"
)

// order is a structured event of some 500 bytes.
var order = []byte(`{"specversion":"1.0","id":"018f3c1e-7b1a-7c3e-9a51-0d2f8a1b2c3d","source":"https://shop.example/orders","type":"example.shop.order.placed","subject":"order-536365","time":"2026-03-01T08:26:00.123456Z","datacontenttype":"application/json","correlationid":"order-536365","partitionkey":"customer-17850","data":{"order":"536365","customer":"17850","country":"United Kingdom","lines":[{"code":"85123A","quantity":6,"price":"2.55"},{"code":"71053","quantity":6,"price":"3.39"}],"total":"35.64"}}`)

// compare runs both, each a part of the benchmark.
func compare(b *testing.B, ours, theirs func() error) {
	for name, run := range map[string]func() error{"evident": ours, "sdk-go": theirs} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := run(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkParseJSON(b *testing.B) {
	compare(b, func() error {
		_, err := event.ParseJSON(order)
		return err
	}, func() error {
		var s sdk.Event
		if err := s.UnmarshalJSON(order); err != nil {
			return err
		}
		return s.Validate()
	})
	b.Run("json.Valid, to compare", func(b *testing.B) {
		for b.Loop() {
			json.Valid(order)
		}
	})
}

func BenchmarkWriteJSON(b *testing.B) {
	e, s := both(b)
	var text []byte
	compare(b, func() (err error) {
		text, err = e.AppendJSON(text[:0])
		return err
	}, func() error {
		_, err := s.MarshalJSON()
		return err
	})
}

func BenchmarkReadHTTP(b *testing.B) {
	e, _ := both(b)
	header := http.Header{}
	if err := e.SetHTTP(header); err != nil {
		b.Fatal(err)
	}
	compare(b, func() error {
		_, err := event.FromHTTP(header, e.Data)
		return err
	}, func() error {
		_, err := cehttp.NewEventFromHTTPRequest(&http.Request{Header: header, Body: io.NopCloser(bytes.NewReader(e.Data))})
		return err
	})
}

// both returns the event, ours and theirs.
func both(b *testing.B) (event.Event, sdk.Event) {
	e, err := event.ParseJSON(order)
	if err != nil {
		b.Fatal(err)
	}
	var s sdk.Event
	if err := s.UnmarshalJSON(order); err != nil {
		b.Fatal(err)
	}
	return e, s
}
