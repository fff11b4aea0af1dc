package broker

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/evidentlog/evident/internal/broker/quota"
	"github.com/evidentlog/evident/internal/broker/share"
	"github.com/evidentlog/evident/internal/broker/wire"
)

// shareFetch answers ShareFetch: it waits for records, and until the
// acknowledgements that the request brings are durable.
func (b *Broker) shareFetch(ctx context.Context, c *call) (answer, error) {
	req := kmsg.NewPtrShareFetchRequest()
	if err := c.decode(req); err != nil {
		return nil, err
	}
	b.budget.release(&c.hold) // a request that waits for records must not keep others out
	c.body = nil
	c.conn.shares = true
	began := time.Now()
	fetched, err := b.queues.Fetch(ctx, c.conn, min(b.cfg.FetchMaxBytes, c.mostAtOnce(quota.ConsumerBytes)), req)
	c.waited = time.Since(began) // but for moments that is what it does
	if err != nil {
		return nil, err
	}
	a := b.shareFetchAnswer(c, fetched)
	a.throttle(c.use(quota.ConsumerBytes, float64(a.size()))) // the records are locked already
	return a, nil
}

// shareFetchAnswer takes over the slices of what was fetched.
func (b *Broker) shareFetchAnswer(c *call, f *share.Fetched) *recordsAnswer {
	slices.SortFunc(f.Partitions, func(x, y share.FetchedPartition) int {
		return cmp.Or(bytes.Compare(x.Topic[:], y.Topic[:]), cmp.Compare(x.Number, y.Number))
	})
	a := &recordsAnswer{broker: b}
	e := wire.Encoder{Dst: make([]byte, 0, 64+96*len(f.Partitions)), Flexible: c.flexible}
	e.Int32(0) // throttle time
	e.Int16(f.Code)
	e.NoString()
	e.Int32(f.LockMillis)
	rest := f.Partitions
	e.ArrayLen(countShareTopics(rest))
	for len(rest) > 0 {
		n := 1
		for n < len(rest) && rest[n].Topic == rest[0].Topic {
			n++
		}
		e.Dst = append(e.Dst, rest[0].Topic[:]...)
		e.ArrayLen(n)
		for i := range rest[:n] {
			a.sharePartition(&e, c, &rest[i])
		}
		e.NoTags()
		rest = rest[n:]
	}
	e.ArrayLen(0) // node endpoints: leaders never change
	e.NoTags()
	a.head = e.Dst
	return a
}

func countShareTopics(partitions []share.FetchedPartition) int {
	n := 0
	for i := range partitions {
		if i == 0 || partitions[i].Topic != partitions[i-1].Topic {
			n++
		}
	}
	return n
}

func (a *recordsAnswer) sharePartition(e *wire.Encoder, c *call, p *share.FetchedPartition) {
	if p.Code != 0 {
		a.broker.metrics.partitionError(c.api, p.Code)
	}
	e.Int32(p.Number)
	e.Int16(p.Code)
	e.NoString()
	e.Int16(p.AckCode)
	e.NoString()
	e.Int32(-1) // current leader
	e.Int32(-1)
	e.NoTags()
	size := 0
	for _, s := range p.Slices {
		size += s.Size()
	}
	e.BytesLen(size)
	for _, s := range p.Slices {
		a.add(len(e.Dst), s)
	}
	e.ArrayLen(len(p.Acquired))
	for _, r := range p.Acquired {
		e.Int64(r.First)
		e.Int64(r.Last)
		e.Int16(r.Deliveries)
		e.NoTags()
	}
	e.NoTags()
}
