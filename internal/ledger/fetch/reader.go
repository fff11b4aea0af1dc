package fetch

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/ledger/source"
)

const (
	// minBytes is what a fetch waits for that has read all there was.
	minBytes = 256 << 10
	// Bytes of a fetch, and of one partition in it: few, so that what is copied
	// is in the processor's cache when it is hashed.
	maxBytes     = 2 << 20
	partitionMax = 1 << 20
)

// A Reader reads partitions that one broker leads, by a fetch session (KIP-227):
// requests and answers have those partitions only where something is new. A broker
// that has no room for a session, or is too old for them, is asked for all of them
// each time. It implements [source.Reader].
type Reader struct {
	client  *kgo.Client
	leader  int32
	all     map[source.Key]*partition
	ahead   int // how many of them are
	session session
}

// A partition is one that is read.
type partition struct {
	source.Partition
	offset  int64
	ahead   bool // more may be there than was read
	changed bool // the session has another offset of it, or none
}

// NewReader makes a reader of what a broker leads. The client is its owner's to close.
func NewReader(client *kgo.Client, leader int32) *Reader {
	return &Reader{client: client, leader: leader, all: map[source.Key]*partition{}}
}

// Want implements [source.Reader].
func (r *Reader) Want(p source.Partition, offset int64) {
	known := r.all[p.Key]
	switch {
	case known == nil:
		known = &partition{Partition: p}
		r.all[p.Key] = known
	case known.offset == offset:
		return
	}
	r.move(known, offset)
	r.note(known, true)
}

// Forget implements [source.Reader].
func (r *Reader) Forget(k source.Key) {
	if p := r.all[k]; p != nil {
		r.note(p, false)
		delete(r.all, k)
		r.session.forget(p)
	}
}

// move notes from where a partition is to be read.
func (r *Reader) move(p *partition, offset int64) {
	p.offset = offset
	r.session.change(p)
}

// note notes whether more may be there than was read of a partition.
func (r *Reader) note(p *partition, ahead bool) {
	switch {
	case ahead && !p.ahead:
		r.ahead++
	case !ahead && p.ahead:
		r.ahead--
	}
	p.ahead = ahead
}

// Close implements [source.Reader]. The broker drops a session that nobody uses.
func (r *Reader) Close() {}

// Read implements [source.Reader].
func (r *Reader) Read(ctx context.Context, patience time.Duration, take source.Take) error {
	if len(r.all) == 0 {
		wait(ctx, patience)
		return nil
	}
	req := r.request(patience)
	answer, err := r.client.Broker(int(r.leader)).RetriableRequest(ctx, req)
	if err != nil {
		r.session.renew() // the broker may have had the request
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	resp := answer.(*kmsg.FetchResponse)
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		r.session.renew()
		if lost(err) && req.SessionEpoch != newSession {
			return nil
		}
		return err
	}
	r.session.told(resp)
	r.takeAll(ctx, resp, take)
	return nil
}

// request asks for what comes next. It waits for many bytes, unless some are known
// to be there: an answer may end with a segment of the log.
func (r *Reader) request(patience time.Duration) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.MaxWaitMillis = int32(patience.Milliseconds())
	req.MinBytes = minBytes
	if r.ahead > 0 {
		req.MinBytes = 0
	}
	req.MaxBytes = maxBytes
	req.IsolationLevel = 0 // aborted records are part of history, too
	r.session.fill(req, r.all)
	return req
}

// takeAll gives take what an answer has.
func (r *Reader) takeAll(ctx context.Context, resp *kmsg.FetchResponse, take source.Take) {
	var ids map[string][16]byte
	for i := range resp.Topics {
		t := &resp.Topics[i]
		id := t.TopicID
		if id == [16]byte{} { // an old version has names only
			if ids == nil {
				ids = r.idsOfNames()
			}
			id = ids[t.Topic]
		}
		for j := range t.Partitions {
			p := r.all[source.Key{ID: id, Number: t.Partitions[j].Partition}]
			if p != nil && ctx.Err() == nil {
				r.takeOne(p, &t.Partitions[j], take)
			}
		}
	}
}

func (r *Reader) idsOfNames() map[string][16]byte {
	ids := map[string][16]byte{}
	for k, p := range r.all {
		ids[p.Topic] = k.ID
	}
	return ids
}

func (r *Reader) takeOne(p *partition, t *kmsg.FetchResponseTopicPartition, take source.Take) {
	err := kerr.ErrorForCode(t.ErrorCode)
	next, goOn := take(source.Answer{
		Key: p.Key, Err: err, LogStart: t.LogStartOffset, HighWatermark: t.HighWatermark, Batches: t.RecordBatches,
	})
	if !goOn || err != nil && !errors.Is(err, kerr.OffsetOutOfRange) {
		r.Forget(p.Key)
		return
	}
	moved := next != p.offset
	if moved {
		r.move(p, next)
	}
	r.note(p, moved && (err != nil || t.HighWatermark > next)) // what keeps it back otherwise, asking at once does not help
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
