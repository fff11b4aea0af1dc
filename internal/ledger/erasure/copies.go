package erasure

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/evidentlog/evident/internal/ledger/opening"
	"github.com/evidentlog/evident/internal/log/batch"
	"github.com/evidentlog/evident/proof"
)

// deadLetterPrefix is what the names of dead-letter topics begin with.
const deadLetterPrefix = "dlq."

// Headers of a dead letter that say which record it is a copy of (KIP-1191).
const (
	deadTopic     = "__dlq.errors.topic"
	deadPartition = "__dlq.errors.partition"
	deadOffset    = "__dlq.errors.offset"
)

// copies finds dead letters of what is to be erased, and dead letters of those.
func (p *Planner) copies(ctx context.Context, parts []Part) ([]Part, error) {
	topics, err := p.Reader.Topics(ctx)
	if err != nil {
		return nil, fmt.Errorf("topics that may have copies: %w", err)
	}
	maps.DeleteFunc(topics, func(name, _ string) bool { return !strings.HasPrefix(name, deadLetterPrefix) })
	known := slices.Clone(parts)
	for from := 0; from < len(known); {
		found, err := p.copiesOf(ctx, slices.Sorted(maps.Keys(topics)), known, known[from:])
		if err != nil {
			return nil, err
		}
		from, known = len(known), append(known, found...)
	}
	return known[len(parts):], nil
}

// copiesOf finds the dead letters of some parts in topics, but for what is known.
func (p *Planner) copiesOf(ctx context.Context, topics []string, known, parts []Part) ([]Part, error) {
	var copies []Part
	for _, name := range topics {
		spans, err := p.Reader.Spans(ctx, name)
		if err != nil {
			return nil, err
		}
		for _, s := range spans {
			found, err := p.copiesIn(ctx, s, known, parts)
			if err != nil {
				return nil, err
			}
			copies = append(copies, found...)
		}
	}
	return copies, nil
}

// copiesIn finds the dead letters of one partition.
func (p *Planner) copiesIn(ctx context.Context, s opening.Span, known, parts []Part) ([]Part, error) {
	sets := map[string]*Set{}
	err := p.Reader.EachBatch(ctx, s, func(b batch.Batch) error {
		for r, err := range p.Reader.Codecs().Records(b) {
			if err != nil {
				return fmt.Errorf("%s/%d@%d: %w", s.Topic, s.Partition, b.BaseOffset(), err)
			}
			of, ok := originOf(r.Headers)
			if !ok || !isMeant(parts, of) || b.Attributes().Control() {
				continue
			}
			// Who writes headers of his own may name letters that are copies of each other.
			if isMeant(known, opening.Place{Topic: s.Topic, Partition: s.Partition, Offset: r.Offset}) {
				continue
			}
			if sets[of.Topic] == nil {
				sets[of.Topic] = &Set{}
			}
			sets[of.Topic].Add(proof.Range{First: r.Offset, Last: r.Offset})
		}
		return nil
	})
	var found []Part
	for _, part := range parts {
		if set := sets[part.Topic]; set != nil {
			found = append(found, Part{s.Topic, s.TopicID, s.Partition, set.Ranges(), part.Topic})
			delete(sets, part.Topic)
		}
	}
	return found, err
}

// originOf reads which record a dead letter is a copy of. Of several headers of a
// name the last counts: the node writes its own behind those of the record.
func originOf(headers batch.Headers) (opening.Place, bool) {
	var at opening.Place
	var has [3]bool
	for key, value := range headers.All() {
		switch string(key) {
		case deadTopic:
			at.Topic, has[0] = string(value), true
		case deadPartition:
			n, err := strconv.ParseInt(string(value), 10, 32)
			at.Partition, has[1] = int32(n), err == nil
		case deadOffset:
			n, err := strconv.ParseInt(string(value), 10, 64)
			at.Offset, has[2] = n, err == nil
		}
	}
	return at, has == [3]bool{true, true, true}
}

func isMeant(parts []Part, at opening.Place) bool {
	return slices.ContainsFunc(parts, func(p Part) bool {
		return p.Topic == at.Topic && p.Partition == at.Partition && holds(p.Offsets, at.Offset)
	})
}
