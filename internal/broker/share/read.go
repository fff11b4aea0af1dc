package share

import (
	"github.com/evidentlog/evident/internal/broker/share/window"
	"github.com/evidentlog/evident/internal/log"
)

// found is stored batches, of which a fetch may acquire records.
type found struct {
	slice *log.Slice
	spans []window.Span
	ends  []int // of the spans, in bytes of the slice
}

// read finds batches from an offset on, enough for the fetch.
func (p *partition) read(l *log.Partition, from int64, f *fetching) (b found, err error) {
	bytes, first := f.room()
	var gone aborted
	if b.slice, gone, err = readAs(l, f.settings, from, bytes, first); err != nil {
		return found{}, err
	}
	wanted := int64(f.req.MaxRecords) - int64(f.acquired)
	for s, err := range b.slice.Batches() {
		if err != nil {
			b.slice.Close()
			return found{}, err
		}
		span := window.Span{First: s.Header.BaseOffset(), Last: s.Header.LastOffset(), Skip: gone.skip(s.Header)}
		b.spans, b.ends = append(b.spans, span), append(b.ends, s.Pos+s.Size)
		if !span.Skip {
			wanted -= span.Last - max(span.First, from) + 1
		}
		if wanted <= 0 {
			break
		}
	}
	return b, nil
}

// cut leaves of the slice the batches that have the ranges.
func (b *found) cut(ranges []window.Range) error {
	first, last := ranges[0].First, ranges[len(ranges)-1].Last
	from, to := 0, 0
	for i, s := range b.spans {
		if s.Last < first {
			from = b.ends[i]
		}
		if s.First <= last {
			to = b.ends[i]
		}
	}
	return b.slice.Cut(from, to)
}

// size is how many bytes there may be for a fetch.
func (p *partition) size(f *fetching) int {
	p.mu.Lock()
	ready := p.check(f) == nil && p.ready()
	from, l, ranked := p.mu.window.Next(), p.mu.log, p.mu.look != nil
	p.mu.Unlock()
	switch {
	case !ready:
		return 0
	case ranked:
		return int(f.req.MinBytes) // it is not known before they are chosen
	}
	s, _, err := readAs(l, f.settings, from, f.maxBytes, true)
	if err != nil {
		return 0
	}
	defer s.Close()
	return s.Size()
}
