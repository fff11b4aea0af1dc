package broker

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/metadata"
	"github.com/evidentlog/evident/internal/log"
)

// unknown is an offset that has not been told to the client.
const unknown = -1

// fetchEntry is one partition of a fetch or of a session.
type fetchEntry struct {
	topic     string      // "" if only an id is known
	id        metadata.ID // zero if requests name topics
	number    int32
	partition *log.Partition // nil if there is none

	offset   int64 // that the client wants next
	maxBytes int32
	epoch    int32 // that the client believes in, or -1

	// What the client was last told, in a session.
	highWatermark, logStart int64

	queued    bool // in fetchSet.work
	forgotten bool // not in the session any more; to be taken out of work
	marked    bool // in fetchSet.mu.marked; guarded by fetchSet.mu
}

func newFetchEntry(t *metadata.Topic, rt *kmsg.FetchRequestTopic, rp *kmsg.FetchRequestTopicPartition) *fetchEntry {
	e := &fetchEntry{topic: rt.Topic, id: rt.TopicID, number: rp.Partition, queued: true, highWatermark: unknown, logStart: unknown}
	if t != nil {
		e.topic, e.partition = t.Name, t.Partition(rp.Partition)
	}
	e.update(rp)
	return e
}

// update takes over what a request asks of the partition.
func (e *fetchEntry) update(rp *kmsg.FetchRequestTopicPartition) {
	e.offset, e.maxBytes, e.epoch = rp.FetchOffset, rp.PartitionMaxBytes, rp.CurrentLeaderEpoch
}

// fetched is what a look at one partition gave.
type fetched struct {
	entry                   *fetchEntry
	code                    int16
	highWatermark, logStart int64
	slice                   *log.Slice // nil: no records
}

func (r *fetched) size() int {
	if r.slice == nil {
		return 0
	}
	return r.slice.Size()
}

// news tells if a session's client has to hear of it.
func (r *fetched) news() bool {
	return r.code != 0 || r.size() > 0 || r.highWatermark != r.entry.highWatermark || r.logStart != r.entry.logStart
}

// pending tells if there may be records that the client wants, or an error:
// if it is anywhere but at the end.
func (r *fetched) pending() bool { return r.highWatermark != r.entry.offset }

// read looks at the partition: at most room bytes, or one batch whole if it is
// the first of the answer.
func (e *fetchEntry) read(set *fetchSet, topics *metadata.Snapshot, room int, first bool) fetched {
	r := e.attempt(room, first)
	if r.code == kerr.UnknownTopicOrPartition.Code && set.resolve(e, topics) {
		return e.attempt(room, first)
	}
	if e.partition == nil {
		r.code = set.whyMissing(e, topics)
	}
	return r
}

func (e *fetchEntry) attempt(room int, first bool) fetched {
	p := e.partition
	if p == nil {
		return e.failed(kerr.UnknownTopicOrPartition.Code)
	}
	if e.epoch >= 0 && e.epoch != p.LeaderEpoch() {
		return e.failed(wrongEpoch(e.epoch, p))
	}
	r := fetched{entry: e}
	if err := p.Err(); errors.Is(err, log.ErrDeleted) || errors.Is(err, log.ErrClosed) {
		code, _ := codeOf(err) // one that is stopped for another reason can be read
		return e.failed(code)
	}
	if e.offset != p.HighWatermark() && (room > 0 || first) {
		slice, err := p.Read(e.offset, max(0, min(int(e.maxBytes), room)), first)
		if err != nil {
			code, _ := codeOf(err)
			return e.failed(code)
		}
		r.slice = slice
	}
	r.highWatermark, r.logStart = p.HighWatermark(), p.LogStart()
	return r
}

func (e *fetchEntry) failed(code int16) fetched {
	return fetched{entry: e, code: code, highWatermark: unknown, logStart: unknown}
}

// wrongEpoch is the error for a client whose leader epoch is not the
// partition's (KIP-320).
func wrongEpoch(epoch int32, p *log.Partition) int16 {
	if epoch < p.LeaderEpoch() {
		return kerr.FencedLeaderEpoch.Code
	}
	return kerr.UnknownLeaderEpoch.Code
}
