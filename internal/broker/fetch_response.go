package broker

import (
	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/broker/wire"
	"github.com/evidentlog/evident/internal/log"
)

// newFetchAnswer takes over the slices of results.
func newFetchAnswer(f *fetching, code int16, results []fetched) *recordsAnswer {
	a := &recordsAnswer{broker: f.broker}
	v := f.req.Version
	e := wire.Encoder{Dst: make([]byte, 0, 64+64*len(results)), Flexible: f.call.flexible}
	e.Int32(0) // throttle time
	if v >= fetchSession {
		e.Int16(code)
		e.Int32(f.sessionID(code))
	}
	a.fetchTopics(&e, f, results)
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
func (a *recordsAnswer) fetchTopics(e *wire.Encoder, f *fetching, results []fetched) {
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
			a.fetchPartition(e, f, &results[i])
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

func (a *recordsAnswer) fetchPartition(e *wire.Encoder, f *fetching, r *fetched) {
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
	if r.slice != nil {
		a.add(len(e.Dst), r.slice)
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
