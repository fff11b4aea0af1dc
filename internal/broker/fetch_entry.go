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
	stable                  int64      // last stable offset
	end                     int64      // where what the client may read ends: one of the two
	slice                   *log.Slice // nil: no records
	aborted                 []log.AbortedTxn
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
func (r *fetched) pending() bool { return r.end != r.entry.offset }

// look is how a partition is looked at.
type look struct {
	committed bool // only at what is decided: isolation level read_committed
	room      int  // bytes
	first     bool // the answer is empty so far: one batch is taken whole
}

// read looks at the partition.
func (e *fetchEntry) read(set *fetchSet, topics *metadata.Snapshot, how look) fetched {
	r := e.attempt(how)
	if r.code == kerr.UnknownTopicOrPartition.Code && set.resolve(e, topics) {
		return e.attempt(how)
	}
	if e.partition == nil {
		r.code = set.whyMissing(e, topics)
	}
	return r
}

func (e *fetchEntry) attempt(how look) fetched {
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
	if e.offset != p.HighWatermark() && (how.room > 0 || how.first) {
		if err := r.take(p, how); err != nil {
			code, _ := codeOf(err)
			return e.failed(code)
		}
	}
	r.stable = p.LastStableOffset() // first, for it is not above the high watermark
	r.highWatermark, r.logStart = p.HighWatermark(), p.LogStart()
	r.end = r.highWatermark
	if how.committed {
		r.end = r.stable
	}
	return r
}

// take plans the read.
func (r *fetched) take(p *log.Partition, how look) (err error) {
	e := r.entry
	size := max(0, min(int(e.maxBytes), how.room))
	if how.committed {
		r.slice, r.aborted, err = p.ReadCommitted(e.offset, size, how.first)
	} else {
		r.slice, err = p.Read(e.offset, size, how.first)
	}
	return err
}

func (e *fetchEntry) failed(code int16) fetched {
	return fetched{entry: e, code: code, highWatermark: unknown, logStart: unknown, stable: unknown, end: unknown}
}

// wrongEpoch is the error for a client whose leader epoch is not the
// partition's (KIP-320).
func wrongEpoch(epoch int32, p *log.Partition) int16 {
	if epoch < p.LeaderEpoch() {
		return kerr.FencedLeaderEpoch.Code
	}
	return kerr.UnknownLeaderEpoch.Code
}
