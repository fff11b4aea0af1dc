package broker

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/wire"
	"github.com/evidentlog/evident/internal/log"
)

// fetchAnswer is a FetchResponse whose record batches are still on disk: head is
// all the rest, and each part of head is followed by the records of one slice.
type fetchAnswer struct {
	head   []byte
	parts  []fetchPart
	broker *Broker
}

type fetchPart struct {
	end   int // of the part of head that comes before the records
	slice *log.Slice
}

// newFetchAnswer takes over the slices of results.
func newFetchAnswer(f *fetching, code int16, results []fetched) *fetchAnswer {
	a := &fetchAnswer{broker: f.broker}
	v := f.req.Version
	e := wire.Encoder{Dst: make([]byte, 0, 64+64*len(results)), Flexible: f.call.flexible}
	e.Int32(0) // throttle time
	if v >= fetchSession {
		e.Int16(code)
		e.Int32(f.sessionID(code))
	}
	a.topics(&e, f, results)
	e.NoTags()
	a.head = e.Dst
	return a
}

func (f *fetching) sessionID(code int16) int32 {
	if f.session == nil || f.dropped || code != 0 {
		return 0
	}
	return f.session.id
}

// topics encodes the results, with those that follow one another in one topic
// together.
func (a *fetchAnswer) topics(e *wire.Encoder, f *fetching, results []fetched) {
	e.ArrayLen(countTopics(results))
	for len(results) > 0 {
		n := 1
		for n < len(results) && sameTopic(results[n-1].entry, results[n].entry) {
			n++
		}
		if f.req.Version >= fetchIDs {
			id := results[0].entry.id
			e.Dst = append(e.Dst, id[:]...)
		} else {
			e.String(results[0].entry.topic)
		}
		e.ArrayLen(n)
		for i := range results[:n] {
			a.partition(e, f, &results[i])
		}
		e.NoTags()
		results = results[n:]
	}
}

func countTopics(results []fetched) int {
	n := min(1, len(results))
	for i := 1; i < len(results); i++ {
		if !sameTopic(results[i-1].entry, results[i].entry) {
			n++
		}
	}
	return n
}

func sameTopic(a, b *fetchEntry) bool {
	return a.id == b.id && (a.id != metadata.ID{} || a.topic == b.topic)
}

func (a *fetchAnswer) partition(e *wire.Encoder, f *fetching, r *fetched) {
	if r.code != 0 {
		f.broker.metrics.partitionError(f.call.api, r.code)
	}
	v := f.req.Version
	e.Int32(r.entry.number)
	e.Int16(r.code)
	e.Int64(r.highWatermark)
	e.Int64(r.stable)
	if v >= fetchLogStart {
		e.Int64(r.logStart)
	}
	if f.committed() && r.code == 0 {
		encodeAborted(e, r.aborted)
	} else {
		e.ArrayLen(-1)
	}
	if v >= fetchReadReplica {
		e.Int32(-1)
	}
	e.BytesLen(r.size())
	if r.size() > 0 {
		a.parts = append(a.parts, fetchPart{len(e.Dst), r.slice})
	} else if r.slice != nil {
		r.slice.Close()
	}
	e.NoTags()
}

func encodeAborted(e *wire.Encoder, list []log.AbortedTxn) {
	e.ArrayLen(len(list))
	for _, t := range list {
		e.Int64(t.ProducerID)
		e.Int64(t.FirstOffset)
		e.NoTags()
	}
}

// size is the response's, in bytes.
func (a *fetchAnswer) size() int {
	n := len(a.head)
	for _, p := range a.parts {
		n += p.slice.Size()
	}
	return n
}

// throttle implements throttler.
func (a *fetchAnswer) throttle(ms int32) {
	if told := int32(binary.BigEndian.Uint32(a.head)); told < ms {
		binary.BigEndian.PutUint32(a.head, uint32(ms))
	}
}

// write implements answer.
func (a *fetchAnswer) write(w *frameWriter, c *call) error {
	defer a.drop()
	records, largest := 0, 0
	for _, p := range a.parts {
		records += p.slice.Size()
		largest = max(largest, p.slice.Size())
	}
	start := w.begin(c)
	size := len(w.buf) - start - 4 + len(a.head) + records
	if int64(size) > math.MaxInt32 {
		return fmt.Errorf("response to Fetch has %d bytes, more than a length can say", size)
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
func (a *fetchAnswer) stream(w *frameWriter, scratch []byte) error {
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
func (a *fetchAnswer) drop() {
	for _, p := range a.parts {
		p.slice.Close()
	}
	a.parts = nil
}
