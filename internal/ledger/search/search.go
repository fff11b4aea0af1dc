package search

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/index"
	"github.com/evidentlog/evident/internal/ledger/opening"
)

const (
	// mostRead is how many candidates one search reads before it answers with what
	// it has and a cursor.
	mostRead = 200_000
)

// ErrNoIndex says that there is no index to search.
var ErrNoIndex = errors.New("there is no index of this topic")

// A Searcher searches the topics of a cluster.
type Searcher struct {
	Index  *index.Index
	Reader *opening.Reader
	Ledger *ledger.Ledger
	// Indexed tells whether a topic is indexed, or soon will be.
	Indexed func(topic, topicID string) bool
	// Here tells whether a partition is this node's to index; all are if nil.
	Here   func(topic string, partition int32) bool
	Logger *slog.Logger
}

// A Hit is a record that was found.
type Hit struct {
	opening.Place
	Name   index.Name
	Record ledger.Opened
	Event  index.Event
}

// Behind is a partition that could not be searched to its end.
type Behind struct {
	Topic     string
	Partition int32
	Searched  int64 // up to, and without, this offset
	End       int64 // of the log
}

// A Page is what a search found.
type Page struct {
	Hits   []Hit
	Next   *opening.Place // where to go on; nil if there is no more
	Behind []Behind       // where there may be more now that cannot be found yet
}

// Find searches the topics in the order of their names, partitions and offsets.
// It sees all records that consumers of committed records could read when it
// began, but where the page says that it is behind.
func (s *Searcher) Find(ctx context.Context, q Query) (*Page, error) {
	page := &Page{}
	next, behind, err := s.walk(ctx, q, func(h *Hit, _ *opening.Scanner) (bool, error) {
		if len(page.Hits) == cmp.Or(q.Limit, defaultLimit) {
			return false, nil
		}
		page.Hits = append(page.Hits, *h)
		return true, nil
	})
	page.Next, page.Behind = next, behind
	return page, err
}

// walk visits what fits, until visit returns false or all was visited. It tells
// where to go on: at what was refused, or where it has done enough.
func (s *Searcher) walk(ctx context.Context, q Query, visit func(*Hit, *opening.Scanner) (bool, error)) (next *opening.Place, behind []Behind, err error) {
	if behind, err = s.await(ctx, q.Topic); err != nil {
		return nil, nil, err
	}
	partitions := s.Index.Partitions(q.Topic)
	if len(partitions) == 0 && q.Topic != "" {
		return nil, nil, fmt.Errorf("%w: %q; records of topics without a ledger, or with evident.index=off, are found by their offsets only", ErrNoIndex, q.Topic)
	}
	w := &walk{Searcher: s, query: q, terms: q.terms(), visit: visit, left: mostRead}
	for _, p := range partitions {
		from, ok := start(q.From, p.Name())
		if !ok {
			continue
		}
		next, err = w.partition(ctx, p, from)
		if errors.Is(err, index.ErrCorrupt) {
			end := p.Next()
			err = p.Mend(err)
			behind = append(behind, Behind{p.Name().Topic, p.Name().Partition, p.Next(), end})
		}
		if next != nil || err != nil {
			return next, behind, err
		}
	}
	return nil, behind, nil
}

// start is where to begin in a partition; false if the cursor is behind it.
func start(from opening.Place, p index.Name) (int64, bool) {
	switch {
	case p.Topic < from.Topic || p.Topic == from.Topic && p.Partition < from.Partition:
		return 0, false
	case p.Topic == from.Topic && p.Partition == from.Partition:
		return from.Offset, true
	}
	return 0, true
}

type walk struct {
	*Searcher
	query Query
	terms index.Terms
	visit func(*Hit, *opening.Scanner) (bool, error)
	left  int // candidates that may yet be read
}

func (w *walk) partition(ctx context.Context, p *index.Partition, from int64) (next *opening.Place, err error) {
	var scanner *opening.Scanner
	defer func() {
		if scanner != nil {
			scanner.Close()
		}
	}()
	for offset, err := range p.Find(w.terms, from) {
		if err != nil {
			return nil, err
		}
		at := opening.Place{Topic: p.Name().Topic, Partition: p.Name().Partition, Offset: offset}
		if w.left--; w.left < 0 {
			return &at, nil
		}
		if scanner == nil {
			if scanner, err = w.Reader.Scan(ctx, at.Topic, at.Partition); errors.Is(err, opening.ErrNoRecord) {
				return nil, nil // the topic is gone
			} else if err != nil {
				return nil, err
			}
			if scanner.TopicID() != p.Name().TopicID {
				return nil, nil // another one has its name
			}
		}
		more, err := w.look(ctx, p, scanner, at)
		if err != nil {
			return nil, fmt.Errorf("%v: %w", at, err)
		}
		if !more {
			return &at, nil
		}
	}
	return nil, nil
}

// look reads a candidate and visits it if it fits.
func (w *walk) look(ctx context.Context, p *index.Partition, scanner *opening.Scanner, at opening.Place) (more bool, err error) {
	record, err := scanner.Read(ctx, at.Offset)
	if errors.Is(err, opening.ErrNoRecord) || errors.Is(err, opening.ErrNotCommitted) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	h := &Hit{Place: at, Name: p.Name(), Record: record, Event: eventOf(&record.Record)}
	if !w.query.fits(&record.Record, &h.Event) || w.Ledger.WasErased(w.origin(h), at.Offset) != nil {
		return true, nil
	}
	return w.visit(h, scanner)
}
