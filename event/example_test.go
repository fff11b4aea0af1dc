package event_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/evidentlog/evident/event"
)

const placed = `{"specversion":"1.0","id":"536365","source":"/shop","type":"example.order.placed","subject":"order-536365",` +
	`"partitionkey":"customer-17850","datacontenttype":"application/json","data":{"total":"35.64"}}`

func Example() {
	e := event.Event{
		ID: "536365", Source: "/shop", Type: "example.order.placed",
		DataContentType: "application/json", Data: []byte(`{"total":"35.64"}`),
	}
	e.SetExtension(event.PartitionKey, event.String("customer-17850"))
	text, err := e.AppendJSON(nil)
	fmt.Println(string(text), err)
	// Output: {"specversion":"1.0","id":"536365","source":"/shop","type":"example.order.placed","datacontenttype":"application/json","partitionkey":"customer-17850","data":{"total":"35.64"}} <nil>
}

func ExampleParseJSON() {
	e, err := event.ParseJSON([]byte(placed))
	fmt.Println(e.ID, e.Type, string(e.Data), err)

	_, err = event.ParseJSON([]byte(`{"specversion":"1.0","id":"1","source":"our shop","type":"t"}`))
	fmt.Println(err)
	// Output:
	// 536365 example.order.placed {"total":"35.64"} <nil>
	// invalid event: source "our shop" is no URI-reference: ' ' at byte 3 would have to be percent-encoded
}

func ExampleEvent_Record() {
	e, _ := event.ParseJSON([]byte(placed))
	r, err := e.Record()
	fmt.Printf("key %s, value %s, %v\n", r.Key, r.Value, err)
	for _, h := range r.Headers {
		fmt.Printf("%s: %s\n", h.Key, h.Value)
	}
	// Output:
	// key customer-17850, value {"total":"35.64"}, <nil>
	// ce_specversion: 1.0
	// ce_id: 536365
	// ce_source: /shop
	// ce_type: example.order.placed
	// ce_subject: order-536365
	// content-type: application/json
	// ce_partitionkey: customer-17850
}

func ExampleFromHTTP() {
	header := http.Header{
		"Ce-Specversion": {"1.0"}, "Ce-Id": {"1"}, "Ce-Source": {"/shop"}, "Ce-Type": {"t"}, "Ce-Subject": {"Euro%20%E2%82%AC"},
		"Content-Type": {"text/plain"},
	}
	e, err := event.FromHTTP(header, []byte("hello"))
	fmt.Println(e.Subject, string(e.Data), err)
	// Output: Euro € hello <nil>
}

func ExampleBatchReader() {
	batch := strings.NewReader(`[` + placed + `,{"specversion":"1.0","id":"2"},` + placed + `]`)
	r := event.NewBatchReader(batch, event.Limits{Events: 1000})
	for {
		e, err := r.Next()
		switch {
		case errors.Is(err, event.ErrInvalid): // this one; the next can be read
			fmt.Println(err)
			continue
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			fmt.Println("the rest cannot be read:", err)
			return
		}
		fmt.Println(e.ID)
	}
	// Output:
	// 536365
	// event 1 of the batch: invalid event: source is missing
	// 536365
}

func ExampleStamper() {
	now := func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) } // time.Now
	stamper, err := event.NewStamper("https://shop.example", now, rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	e := event.Event{Type: "example.order.placed"}
	err = stamper.Stamp(&e)
	fmt.Println(len(e.ID), e.Source, e.Time, err)
	// Output: 36 https://shop.example 2026-01-02T03:04:05Z <nil>
}

func ExampleEvent_CausedBy() {
	order, _ := event.ParseJSON([]byte(placed))
	paid := event.Event{ID: "1", Source: "/payments", Type: "example.payment.taken"}
	paid.CausedBy(&order)
	for name, v := range paid.Extensions() {
		fmt.Println(name, v)
	}
	// Output:
	// causationid 536365
	// correlationid 536365
}

func ExampleView() {
	r := event.Record{Topic: "orders", Partition: 3, Offset: 42, Timestamp: time.UnixMilli(1700000000123), Key: []byte("alice"), Value: []byte(`{"total":"9.90"}`)}
	e := event.View(&r)
	text, err := e.AppendJSON(nil)
	fmt.Println(string(text), err)
	// Output: {"specversion":"1.0","id":"3-42","source":"/topics/orders","type":"evident.record","subject":"alice","time":"2023-11-14T22:13:20.123Z","datacontenttype":"application/json","data":{"total":"9.90"}} <nil>
}

func ExampleMapping() {
	mapping := event.Mapping{
		Attributes: map[string]event.From{
			"id": {Pointer: "/eventId"}, "type": {Pointer: "/eventType"}, "time": {Pointer: "/timestamp"}, "source": {Value: "/shop"},
		},
		TimeFormat: event.UnixMillis,
		Data:       "/data",
	}
	mapper, err := mapping.Compile()
	if err != nil {
		fmt.Println(err)
		return
	}
	e, err := mapper.Map([]byte(`{"eventId":7,"eventType":"OrderPlaced","timestamp":1700000000123,"data":{"total":"9.90"}}`), nil)
	fmt.Println(e.ID, e.Type, e.Time, string(e.Data), err)
	// Output: 7 OrderPlaced 2023-11-14T22:13:20.123Z {"total":"9.90"} <nil>
}

func ExampleEvent_CheckIn() {
	e := event.Event{ID: "1", Source: "/scans", Type: "example.scan", DataContentType: "image/tiff", Data: bytes.Repeat([]byte{42}, 1<<20)}
	checked, err := e.CheckIn("/v1/claims/scan-1") // which goes into the log; the data goes there
	claim, _, _ := checked.Claim()
	fmt.Println(checked.Data == nil, claim.Ref, claim.Size, err)

	_, err = checked.Redeem([]byte("something else"))
	fmt.Println(err)
	// Output:
	// true /v1/claims/scan-1 1048576 <nil>
	// not the data that the event claims: 14 bytes, not 1048576
}
