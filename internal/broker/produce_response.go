package broker

import (
	"errors"

	"github.com/evidentlog/evident/internal/broker/wire"
	"github.com/evidentlog/evident/internal/log/batch"
)

// encode appends the ProduceResponse. It is done by hand because the codec
// compares structs by reflection for each partition.
func (p *production) encode(dst []byte, c *call) []byte {
	e := wire.Encoder{Dst: dst, Flexible: c.flexible}
	e.ArrayLen(len(p.topics))
	first := 0
	for _, t := range p.topics {
		if c.version >= produceIDs {
			e.Dst = append(e.Dst, t.id[:]...)
		} else {
			e.String(t.name)
		}
		e.ArrayLen(t.end - first)
		for _, s := range p.slots[first:t.end] {
			s.encode(&e, c)
		}
		first = t.end
		e.NoTags()
	}
	if c.version >= 1 {
		e.Int32(p.muted)
	}
	e.NoTags()
	return e.Dst
}

func (s *slot) encode(e *wire.Encoder, c *call) {
	code, message := codeOf(s.err)
	if code != 0 {
		c.conn.broker.metrics.partitionError(c.api, code)
		s.result.BaseOffset, s.result.AppendTime, s.result.LogStart = -1, -1, -1
	}
	e.Int32(s.partition)
	e.Int16(code)
	e.Int64(s.result.BaseOffset)
	if c.version >= 2 {
		e.Int64(s.result.AppendTime)
	}
	if c.version >= 5 {
		e.Int64(s.result.LogStart)
	}
	if c.version >= 8 {
		encodeRejection(e, s.err)
		e.NullableString(message, code == 0)
	}
	e.NoTags()
}

// encodeRejection names the records that a batch was refused for (KIP-467).
func encodeRejection(e *wire.Encoder, err error) {
	var rejection batch.Rejection
	errors.As(err, &rejection)
	e.ArrayLen(len(rejection))
	for _, one := range rejection {
		e.Int32(one.Index)
		e.NullableString(one.Err.Error(), false)
		e.NoTags()
	}
}
