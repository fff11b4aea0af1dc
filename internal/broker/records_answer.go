package broker

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/evidentlog/evident/internal/log"
)

// recordsAnswer is a response whose record batches are still on disk: head is
// all the rest, and each part of head is followed by the records of one slice.
type recordsAnswer struct {
	head   []byte
	parts  []recordsPart
	broker *Broker
}

type recordsPart struct {
	end   int // of the part of head that comes before the records
	slice *log.Slice
}

// add puts the records of a slice, which it takes over, behind the first end bytes
// of head.
func (a *recordsAnswer) add(end int, s *log.Slice) {
	if s.Size() == 0 {
		s.Close()
		return
	}
	a.parts = append(a.parts, recordsPart{end, s})
}

// size is the response's, in bytes.
func (a *recordsAnswer) size() int {
	n := len(a.head)
	for _, p := range a.parts {
		n += p.slice.Size()
	}
	return n
}

// throttle implements throttler: the throttle time is what head begins with.
func (a *recordsAnswer) throttle(ms int32) {
	if told := int32(binary.BigEndian.Uint32(a.head)); told < ms {
		binary.BigEndian.PutUint32(a.head, uint32(ms))
	}
}

// write implements answer.
func (a *recordsAnswer) write(w *frameWriter, c *call) error {
	defer a.drop()
	records, largest := 0, 0
	for _, p := range a.parts {
		records += p.slice.Size()
		largest = max(largest, p.slice.Size())
	}
	start := w.begin(c)
	size := len(w.buf) - start - 4 + len(a.head) + records
	if int64(size) > math.MaxInt32 {
		return fmt.Errorf("response to %s has %d bytes, more than a length can say", c.api.name(), size)
	}
	binary.BigEndian.PutUint32(w.buf[start:], uint32(size))
	if len(a.parts) == 0 {
		_, err := w.Write(a.head)
		return err
	}
	scratch := a.broker.scratches.lend(largest)
	defer a.broker.scratches.giveBack(scratch)
	return a.stream(w, *scratch)
}

// stream writes the parts of head, each with the records behind it.
func (a *recordsAnswer) stream(w *frameWriter, scratch []byte) error {
	from := 0
	for _, p := range a.parts {
		if _, err := w.Write(a.head[from:p.end]); err != nil {
			return err
		}
		if err := p.slice.WriteTo(w, scratch); err != nil {
			return fmt.Errorf("send records: %w", err)
		}
		from = p.end
	}
	_, err := w.Write(a.head[from:])
	return err
}

// drop implements answer.
func (a *recordsAnswer) drop() {
	for _, p := range a.parts {
		p.slice.Close()
	}
	a.parts = nil
}
