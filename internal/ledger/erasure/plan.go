package erasure

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/evidentlog/evident/internal/ledger/opening"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/proof"
)

// maxRanges bounds the memory of a plan.
const maxRanges = 1 << 20

// A Part is what is to be erased of one partition.
type Part struct {
	Topic     string
	TopicID   string // as origins have it
	Partition int32
	Offsets   []proof.Range // rising, with gaps between them
	CopyOf    string        // the topic that these are copies from; empty for what was asked for
}

type place struct {
	topic     string
	partition int32
}

// A Planner finds what requests mean.
type Planner struct {
	Reader *opening.Reader
}

// Plan returns what a request means, by topic and partition, then the copies. Of
// ranges that are named, offsets that hold nothing are meant too: salts that were
// left of a record that compaction or retention removed. So are those of a topic that
// is searched for a key, since one of them may have had it. Markers of transactions
// are never meant. The error is ErrBadRequest, or opening.ErrNoRecord where there is
// nothing by such a name.
func (p *Planner) Plan(ctx context.Context, r Request) ([]Part, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	var parts []Part
	var err error
	if len(r.Records) > 0 {
		parts, err = p.named(ctx, r.Records)
	} else {
		parts, err = p.found(ctx, r)
	}
	if err != nil || len(parts) == 0 {
		return nil, err
	}
	copies, err := p.copies(ctx, parts)
	return slices.Concat(parts, copies), err
}

// named plans records that are named.
func (p *Planner) named(ctx context.Context, names []string) ([]Part, error) {
	sets := map[place]*Set{}
	for _, name := range names {
		r, err := ParseRecords(name)
		if err != nil {
			return nil, err
		}
		at := place{r.Topic, r.Partition}
		if sets[at] == nil {
			sets[at] = &Set{}
		}
		sets[at].Add(r.Offsets)
	}
	places := slices.SortedFunc(maps.Keys(sets), func(a, b place) int {
		return cmp.Or(cmp.Compare(a.topic, b.topic), cmp.Compare(a.partition, b.partition))
	})
	var parts []Part
	for _, at := range places {
		part, err := p.namedOf(ctx, at, sets[at].Ranges())
		if err != nil {
			return nil, err
		}
		if len(part.Offsets) > 0 {
			parts = append(parts, part)
		}
	}
	return parts, nil
}

func (p *Planner) namedOf(ctx context.Context, at place, ranges []proof.Range) (Part, error) {
	spans, err := p.Reader.Spans(ctx, at.topic)
	if err != nil {
		return Part{}, err
	}
	i := slices.IndexFunc(spans, func(s opening.Span) bool { return s.Partition == at.partition })
	if i < 0 {
		return Part{}, fmt.Errorf("%w: topic %q has %d partitions, from 0 on, and no %d", opening.ErrNoRecord, at.topic, len(spans), at.partition)
	}
	s := spans[i]
	if last := ranges[len(ranges)-1].Last; last >= s.End {
		return Part{}, fmt.Errorf("%w: offset %d of %s/%d, which ends at %d", opening.ErrNoRecord, last, at.topic, at.partition, s.End)
	}
	var set Set
	for _, r := range ranges {
		within := s
		within.Start, within.End = max(s.Start, r.First), r.Last+1
		if gone := min(r.Last, s.Start-1); gone >= r.First {
			set.Add(proof.Range{First: r.First, Last: gone}) // below the log's start
		}
		if err := p.all(ctx, within, &set); err != nil {
			return Part{}, err
		}
	}
	return part(s, &set), nil
}

// all adds all offsets of a span but markers.
func (p *Planner) all(ctx context.Context, s opening.Span, set *Set) error {
	next := s.Start
	err := p.Reader.EachBatch(ctx, s, func(b batch.Batch) error {
		if b.Attributes().Control() && b.Count() > 0 {
			addGap(set, next, min(b.BaseOffset(), s.End))
			next = b.NextOffset()
		}
		return nil
	})
	addGap(set, next, s.End)
	return err
}

// addGap adds the offsets from a first one up to, and without, another.
func addGap(set *Set, from, to int64) {
	if from < to {
		set.Add(proof.Range{First: from, Last: to - 1})
	}
}

func part(s opening.Span, set *Set) Part {
	return Part{Topic: s.Topic, TopicID: s.TopicID, Partition: s.Partition, Offsets: set.Ranges()}
}

// found plans what is found in a topic.
func (p *Planner) found(ctx context.Context, r Request) ([]Part, error) {
	spans, err := p.Reader.Spans(ctx, r.Topic)
	if err != nil {
		return nil, err
	}
	means := func(found *batch.Record) bool { return found.Key != nil && bytes.Equal(found.Key, r.Key) }
	if r.Before != nil {
		before := r.Before.UnixMilli()
		means = func(found *batch.Record) bool { return found.Timestamp < before }
	}
	var parts []Part
	for _, s := range spans {
		var set Set
		if err := p.matching(ctx, s, &set, r.Key != nil, means); err != nil {
			return nil, err
		}
		if len(set.ranges) > 0 {
			parts = append(parts, part(s, &set))
		}
	}
	return parts, nil
}

// matching adds the offsets of records that are meant, and with gaps of those that
// have none. Gaps alone are nothing.
func (p *Planner) matching(ctx context.Context, s opening.Span, set *Set, gaps bool, means func(*batch.Record) bool) error {
	found, next := false, s.Start
	gap := func(to int64) {
		if gaps {
			addGap(set, next, to)
		}
	}
	err := p.Reader.EachBatch(ctx, s, func(b batch.Batch) error {
		for r, err := range p.Reader.Codecs().Records(b) {
			if err != nil {
				return fmt.Errorf("%s/%d@%d: %w", s.Topic, s.Partition, b.BaseOffset(), err)
			}
			gap(r.Offset)
			next = r.Offset + 1
			if !b.Attributes().Control() && means(&r) {
				found = true
				set.Add(proof.Range{First: r.Offset, Last: r.Offset})
			}
		}
		gap(b.NextOffset())
		next = max(next, b.NextOffset())
		if len(set.ranges) > maxRanges {
			return fmt.Errorf("%w: more than %d ranges of offsets of %s/%d are meant: erase them in parts", ErrBadRequest, maxRanges, s.Topic, s.Partition)
		}
		return nil
	})
	if !found {
		*set = Set{}
	}
	return err
}
