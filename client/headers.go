package client

import (
	"unsafe"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/event"
)

// Headers of franz-go and of package event have one form, as the compiler checks, and an
// event has seven of them and more: they are not copied from one type to the other.
var _ = kgo.RecordHeader(event.Header{})

// kafkaHeaders are the same headers, in the same memory.
func kafkaHeaders(all []event.Header) []kgo.RecordHeader {
	return unsafe.Slice((*kgo.RecordHeader)(unsafe.Pointer(unsafe.SliceData(all))), len(all))
}

// eventHeaders are the same headers, in the same memory.
func eventHeaders(all []kgo.RecordHeader) []event.Header {
	return unsafe.Slice((*event.Header)(unsafe.Pointer(unsafe.SliceData(all))), len(all))
}
