package bench

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// chunkLen is how many records change hands at once between the sender and the
// client's acknowledgements, and share one look at the clock. It keeps the
// harness's own cost well below the client's.
const chunkLen = 256

// load keeps one client busy: a fixed set of records goes round between the
// sender (the goroutine that calls send) and the client's acknowledgements,
// which franz-go gives from one goroutine at a time. The number of records is
// thereby the bound on what is in flight.
type load struct {
	cl   *kgo.Client
	free chan []*kgo.Record // full chunks that nobody uses

	// The acknowledging goroutine owns these; the sender may read ack after
	// a Flush.
	back []*kgo.Record // the chunk being gathered
	ack  Histogram

	acked  atomic.Int64 // records acknowledged, in steps of chunkLen
	failed atomic.Pointer[error]
}

// newLoad makes the records: as many as fit into window bytes.
func newLoad(cl *kgo.Client, topic string, recordSize, window int) *load {
	chunks := max(window/recordSize/chunkLen, 4)
	l := &load{cl: cl, free: make(chan []*kgo.Record, chunks)}
	values := newPayload(recordSize)
	for range chunks {
		records := make([]kgo.Record, chunkLen)
		chunk := make([]*kgo.Record, chunkLen)
		for i := range records {
			records[i] = kgo.Record{Topic: topic, Value: values.next()}
			chunk[i] = &records[i]
		}
		l.free <- chunk
	}
	return l
}

// reset forgets what was measured so far. Nothing must be in flight.
func (l *load) reset() {
	l.ack = Histogram{}
	l.acked.Store(0)
}

// span bounds a stretch of sending: whichever comes first ends it.
type span struct {
	records int64
	until   time.Time
}

// send produces whole chunks for as long as the span allows, then waits for
// their acknowledgements, and returns how many records there were.
func (l *load) send(ctx context.Context, s span) (int64, error) {
	var sent int64
	for sent < s.records && l.failed.Load() == nil {
		var chunk []*kgo.Record
		select {
		case <-ctx.Done():
			return sent, ctx.Err()
		case chunk = <-l.free:
		}
		now := time.Now()
		if !now.Before(s.until) {
			l.free <- chunk
			break
		}
		l.sendChunk(ctx, chunk, now)
		sent += chunkLen
	}
	if err := l.cl.Flush(ctx); err != nil {
		return sent, err
	}
	if err := l.failed.Load(); err != nil {
		return sent, *err
	}
	return sent, nil
}

// sendChunk produces the records of one chunk. The first carries the clock.
func (l *load) sendChunk(ctx context.Context, chunk []*kgo.Record, now time.Time) {
	timed := func(r *kgo.Record, err error) {
		l.ack.Record(time.Since(now))
		l.done(r, err)
	}
	promise := l.done // once: a method value is an allocation
	for i, r := range chunk {
		r.Timestamp, r.Context = now, nil
		if i == 0 {
			l.cl.Produce(ctx, r, timed)
		} else {
			l.cl.Produce(ctx, r, promise)
		}
	}
}

// done is called by the client for every record.
func (l *load) done(r *kgo.Record, err error) {
	if err != nil {
		l.failed.CompareAndSwap(nil, &err)
	}
	l.back = append(l.back, r)
	if len(l.back) < chunkLen {
		return
	}
	l.acked.Add(chunkLen)
	l.free <- l.back // has room for all chunks there are
	l.back = make([]*kgo.Record, 0, chunkLen)
}

// payload cuts values that do not compress out of one block of random bytes,
// longer than any record batch, so that no batch holds the same bytes twice.
type payload struct {
	block []byte
	size  int
	at    int
}

const payloadBlock = 8 << 20

func newPayload(size int) *payload {
	p := &payload{block: make([]byte, max(payloadBlock, 2*size)), size: size}
	_, _ = rand.Read(p.block) // never fails: crypto/rand crashes the program instead
	return p
}

func (p *payload) next() []byte {
	if p.at+p.size > len(p.block) {
		p.at = 0
	}
	v := p.block[p.at : p.at+p.size : p.at+p.size]
	p.at += p.size
	return v
}

// sendAll lets all loads send side by side, each its share of the span's
// records, and returns how many records there were.
func sendAll(ctx context.Context, loads []*load, s span) (int64, error) {
	var sent atomic.Int64
	s.records = max(s.records/int64(len(loads)), 1)
	g, ctx := errgroup.WithContext(ctx)
	for _, l := range loads {
		g.Go(func() error {
			n, err := l.send(ctx, s)
			sent.Add(n)
			return err
		})
	}
	err := g.Wait()
	return sent.Load(), err
}

func closeLoads(loads []*load) {
	for _, l := range loads {
		l.cl.Close()
	}
}

func acked(loads []*load) (n int64) {
	for _, l := range loads {
		n += l.acked.Load()
	}
	return n
}

func ackLatency(loads []*load) Latency {
	var all Histogram
	for _, l := range loads {
		all.add(&l.ack)
	}
	return all.Latency()
}
