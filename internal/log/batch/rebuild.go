package batch

import "io"

// Rebuilder copies batches without some of their records, for compaction. Its
// memory is reused. It must not be used concurrently.
type Rebuilder struct {
	codecs  *Codecs
	builder *Builder
	kept    []bool // by index in the batch
	record  Record // that keep looks at
}

// NewRebuilder makes a Rebuilder.
func (c *Codecs) NewRebuilder() *Rebuilder {
	return &Rebuilder{codecs: c, builder: c.NewBuilder(Head{})}
}

// Rebuild returns b without the records that keep refuses. keep is asked once
// for each record, in order; the record is valid only during the call.
//
// What remains keeps its offsets, and the batch its base and last offset,
// producer state, codec and flags. If no record remains, the result is a batch
// of no records, which holds on to the producer's state; the caller decides
// whether that is worth keeping.
//
// horizon, in ms since the epoch, becomes the delete horizon (KIP-534) if b has
// none and needs one: because a tombstone is kept, or any record of a control
// batch. 0 sets none.
//
// The result is b itself if nothing has to change, else it is valid until the
// next call. The error is one of [Codecs.Records].
func (r *Rebuilder) Rebuild(b Batch, horizon int64, keep func(*Record) bool) (Batch, error) {
	kept, tombstones, err := r.ask(b, keep)
	if err != nil {
		return nil, err
	}
	if _, ok := b.DeleteHorizon(); ok || !(tombstones || b.Attributes().Control() && kept > 0) {
		horizon = 0
	}
	switch {
	case kept == b.Count() && horizon == 0:
		return b, nil
	case kept == 0:
		return r.Empty(b), nil
	}
	return r.copy(b, horizon)
}

// ask fills r.kept, and tells how many records are kept and whether tombstones
// are among them.
func (r *Rebuilder) ask(b Batch, keep func(*Record) bool) (kept int32, tombstones bool, err error) {
	r.kept = r.kept[:0]
	for record, err := range r.codecs.Records(b) {
		if err != nil {
			return 0, false, err
		}
		r.record = record
		ok := keep(&r.record)
		if ok {
			kept++
			tombstones = tombstones || record.Value == nil
		}
		r.kept = append(r.kept, ok)
	}
	return kept, tombstones, nil
}

// Empty returns b without its records, which need not be readable. As in Kafka the
// result has no base timestamp, codec or horizon, and keeps the largest timestamp.
// It is valid until the next call.
func (r *Rebuilder) Empty(b Batch) Batch {
	r.builder.like(b)
	r.builder.attributes &^= maskCodec | flagDeleteHorizon
	r.builder.base, r.builder.max = NoTimestamp, b.MaxTimestamp()
	return r.builder.finish(b.LastOffset(), r.builder.plain)
}

// copy makes a batch of the records in r.kept. Record bytes depend on the base
// timestamp only, so they are copied as they are unless that becomes the horizon.
func (r *Rebuilder) copy(b Batch, horizon int64) (Batch, error) {
	in, err := r.codecs.open(b)
	if err != nil {
		return nil, err
	}
	defer in.close()
	out := r.builder
	out.like(b)
	if horizon != 0 {
		out.attributes |= flagDeleteHorizon
		out.base = horizon
	}
	for i := 0; ; i++ {
		if err := in.next(); err == io.EOF {
			break
		} else if err != nil {
			return nil, err
		}
		switch {
		case !r.kept[i]:
		case horizon == 0:
			out.appendBody(in.body, in.record())
		default:
			err = out.AppendAt(in.record())
		}
		if err != nil {
			return nil, err
		}
	}
	out.last = b.LastOffset()
	return out.Build()
}

// like resets the builder to the header of b.
func (b *Builder) like(batch Batch) {
	b.Reset(Head{BaseOffset: batch.BaseOffset(), LeaderEpoch: batch.LeaderEpoch()})
	b.attributes = batch.Attributes()
	b.producer = Producer{batch.ProducerID(), batch.ProducerEpoch(), batch.BaseSequence()}
	b.appendTime = batch.MaxTimestamp()
	b.base, b.hasBase = batch.BaseTimestamp(), true
}

// appendBody adds a record whose bytes, after the length, are known.
func (b *Builder) appendBody(body []byte, r Record) {
	b.plain = append(appendVarint(b.plain, int64(len(body))), body...)
	b.added(r.Offset, r.Timestamp)
}
