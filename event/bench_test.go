package event

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
)

// order is a structured event of some 500 bytes.
var order = []byte(`{"specversion":"1.0","id":"018f3c1e-7b1a-7c3e-9a51-0d2f8a1b2c3d","source":"https://shop.example/orders","type":"example.shop.order.placed","subject":"order-536365","time":"2026-03-01T08:26:00.123456Z","datacontenttype":"application/json","correlationid":"order-536365","partitionkey":"customer-17850","data":{"order":"536365","customer":"17850","country":"United Kingdom","lines":[{"code":"85123A","quantity":6,"price":"2.55"},{"code":"71053","quantity":6,"price":"3.39"}],"total":"35.64"}}`)

func BenchmarkParseJSON(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(int64(len(order)))
	for b.Loop() {
		if _, err := ParseJSON(order); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	e, err := ParseJSON(order)
	if err != nil {
		b.Fatal(err)
	}
	var text []byte
	b.ReportAllocs()
	for b.Loop() {
		if text, err = e.AppendJSON(text[:0]); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(len(text)))
}

func BenchmarkBatchReader(b *testing.B) {
	const events = 1000
	text := fmt.Appendf(nil, "[%s]", bytes.Join(slicesRepeat(order, events), []byte(",")))
	b.ReportAllocs()
	for b.Loop() {
		r := NewBatchReader(bytes.NewReader(text), Limits{})
		for range events {
			if _, err := r.Next(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*events), "ns/event")
}

func slicesRepeat(text []byte, n int) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = text
	}
	return all
}

func BenchmarkRecord(b *testing.B) {
	e, err := ParseJSON(order)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := e.Record(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFromRecord(b *testing.B) {
	e, err := ParseJSON(order)
	if err != nil {
		b.Fatal(err)
	}
	r, err := e.Record()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := FromRecord(&r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFromHTTP(b *testing.B) {
	e, err := ParseJSON(order)
	if err != nil {
		b.Fatal(err)
	}
	header := http.Header{}
	if err := e.SetHTTP(header); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := FromHTTP(header, e.Data); err != nil {
			b.Fatal(err)
		}
	}
}
