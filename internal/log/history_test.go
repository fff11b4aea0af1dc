package log

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/evidentlog/evident/internal/log/batch"
)

// stored is a record as a reader finds it.
type stored struct {
	offset int64
	value  int
}

// readAll reads all records below the high watermark. Without compaction no offset
// may be missing.
func readAll(p *Partition) ([]stored, error) {
	var out []stored
	gaps := p.Settings().Compact
	for next := p.LogStart(); next < p.HighWatermark(); {
		raw, err := readFrom(p, next, 1<<20)
		if err != nil {
			return nil, fmt.Errorf("offset %d: %w", next, err)
		}
		records, after, err := recordsOf(raw)
		if err != nil {
			return nil, fmt.Errorf("offset %d: %w", next, err)
		}
		if after <= next {
			return nil, fmt.Errorf("no whole batch at offset %d, the high watermark is %d", next, p.HighWatermark())
		}
		for _, r := range records {
			if r.offset < next {
				continue
			}
			if r.offset != next && !gaps {
				return nil, fmt.Errorf("a record at offset %d, where %d was expected", r.offset, next)
			}
			out = append(out, r)
			next = r.offset + 1
		}
		next = after
	}
	return out, nil
}

// readFrom reads what one Read gives.
func readFrom(p *Partition, offset int64, maxBytes int) ([]byte, error) {
	s, err := p.Read(offset, maxBytes, true)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var buf bytes.Buffer
	err = s.WriteTo(&buf, make([]byte, 64<<10))
	if buf.Len() != s.Size() && err == nil {
		err = fmt.Errorf("WriteTo wrote %d bytes, Size is %d", buf.Len(), s.Size())
	}
	return buf.Bytes(), err
}

// check compares what is stored with what was sent.
func (h *history) check() error {
	if h.p.LogStart() < h.start {
		return fmt.Errorf("log start %d, the records below %d were deleted", h.p.LogStart(), h.start)
	}
	all, err := readAll(h.p)
	if err != nil {
		return err
	}
	if h.settings.Compact {
		return h.checkCompacted(all)
	}
	at := make(map[int64]int, len(all)) // value by offset
	for _, r := range all {
		at[r.offset] = r.value
	}
	kept := 0
	for _, s := range h.sent {
		n, err := s.find(at, h.p.LogStart())
		if err != nil {
			return err
		}
		kept += n
	}
	if kept != len(all) {
		return fmt.Errorf("%d records, of which %d were sent and not removed", len(all), kept)
	}
	return nil
}

// find returns how many records of s are stored.
func (s *sent) find(at map[int64]int, start int64) (int, error) {
	if s.state == gone {
		return 0, nil
	}
	s.retry = s.retry || s.state == unknown
	n := 0
	for i := range s.count {
		if v, ok := at[s.at.BaseOffset+int64(i)]; ok && v == s.value+i {
			n++
		}
	}
	switch {
	case n == s.count:
		s.state = acknowledged
	case n > 0 && s.at.BaseOffset >= start:
		return 0, fmt.Errorf("%d records of the %d at offset %d", n, s.count, s.at.BaseOffset)
	case n == 0 && s.at.LastOffset < start:
		s.state = gone // by retention
	case n == 0 && s.state == acknowledged:
		return 0, fmt.Errorf("the %d acknowledged records at offset %d, value %d, are missing", s.count, s.at.BaseOffset, s.value)
	case n == 0:
		s.state = gone
	}
	return n, nil
}

// checkCompacted checks that of every key the last acknowledged record is there,
// or a later one, and nothing that was not sent.
func (h *history) checkCompacted(all []stored) error {
	offsets := make(map[int]int64) // by value
	last := make(map[int]int)      // value by key
	for _, s := range h.sent {
		for i := range s.count {
			v := s.value + i
			offsets[v] = s.at.BaseOffset + int64(i)
			if s.state == acknowledged {
				last[v%5] = v
			}
		}
	}
	found := make(map[int]int)
	previous := int64(-1)
	for _, r := range all {
		if o, ok := offsets[r.value]; !ok || o != r.offset || r.offset <= previous {
			return fmt.Errorf("value %d at offset %d after offset %d", r.value, r.offset, previous)
		}
		previous = r.offset
		found[r.value%5] = r.value
	}
	for key, v := range last {
		if found[key] < v {
			return fmt.Errorf("the last value of key %d is %d, %d was acknowledged", key, found[key], v)
		}
	}
	return h.settle(found)
}

// settle takes the batches at the end that are not there as gone.
func (h *history) settle(found map[int]int) error {
	for _, s := range h.sent {
		if s.state != unknown {
			continue
		}
		s.state = gone
		if s.at.LastOffset < h.p.HighWatermark() && found[(s.value+s.count-1)%5] >= s.value+s.count-1 {
			s.state = acknowledged
		}
	}
	return nil
}

// offsetOfFirst is the base offset of the first batch in raw, or -1.
func offsetOfFirst(raw []byte) int64 {
	if len(raw) < batch.HeaderSize {
		return -1
	}
	return batch.Batch(raw).BaseOffset()
}

// recordsOf decodes the whole batches in raw, and tells the offset after them.
func recordsOf(raw []byte) (out []stored, after int64, err error) {
	var c batch.Codecs
	for len(raw) > 0 {
		b, rest, err := batch.Next(raw)
		if err != nil {
			break // cut short by the limit
		}
		if err := b.Check(); err != nil {
			return nil, 0, err
		}
		for r, err := range c.Records(b) {
			if err != nil {
				return nil, 0, err
			}
			out = append(out, stored{r.Offset, int(binary.BigEndian.Uint64(r.Value))})
		}
		after, raw = b.NextOffset(), rest
	}
	return out, after, nil
}
