package search

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/index"
	"github.com/evidentlog/evident/internal/ledger/opening"
)

// Errors of searches, besides [ErrQuery] and [ErrBusy].
var (
	// ErrNoTopic says that there is no such topic.
	ErrNoTopic = errors.New("there is no such topic")
	// ErrNoIndex says that there is no index to search.
	ErrNoIndex = errors.New("there is no index of this topic")
)

// Config says what is searched.
type Config struct {
	Index  *index.Index
	Reader *opening.Reader
	Ledger *ledger.Ledger
	// Indexed tells whether a topic is indexed, or soon will be.
	Indexed func(topic, topicID string) bool
	// Here tells whether a partition is this node's to index; all are if nil.
	Here   func(topic string, partition int32) bool
	Limits Limits
	// Metrics receives evident_ledger_search* and evident_ledger_index_*. Default: none.
	Metrics prometheus.Registerer
	Logger  *slog.Logger
}

// A Searcher searches the topics of a cluster. Its methods may be called by any
// goroutine.
type Searcher struct {
	Config
	metrics           *metrics
	searches, proving slots
}

// New returns a searcher, to be closed.
func New(cfg Config) (*Searcher, error) {
	cfg.Limits.setDefaults()
	m, err := newMetrics(cfg.Metrics, cfg.Index)
	if err != nil {
		return nil, err
	}
	return &Searcher{Config: cfg, metrics: m, searches: make(slots, cfg.Limits.Searches), proving: make(slots, cfg.Limits.Proofs)}, nil
}

// Close takes the searcher's metrics away.
func (s *Searcher) Close() { s.metrics.close() }

// A hit is a record that was found.
type hit struct {
	opening.Place
	name   index.Name
	record ledger.Opened
	event  event.Glance

	scanner *opening.Scanner // that has read it
}

// Find searches the topics in the order of their names, partitions and offsets.
// It sees all records that consumers of committed records could read when it
// began, but for those of which the answer says that they could not be searched.
func (s *Searcher) Find(ctx context.Context, q Query) (*Answer, error) {
	a := &Answer{Records: []Found{}}
	full := false
	end, err := s.walk(ctx, q, func(h *hit, w *walk) (bool, error) {
		if full = len(a.Records) == cmp.Or(q.Limit, defaultLimit); full {
			return false, nil
		}
		a.Records = append(a.Records, newFound(h))
		w.budget.bytes -= a.Records[len(a.Records)-1].size()
		return true, nil
	})
	if err != nil {
		return nil, err
	}
	a.Behind, a.Elsewhere = end.behind, end.elsewhere
	if end.next != nil {
		a.Next, a.Cut = end.next.String(), end.cut
	}
	return a, nil
}

// An ending is how a walk ended.
type ending struct {
	next *opening.Place // where to go on; nil if there is no more
	cut  string         // why it ended there, if the limits ended it
	gaps
}

// walk visits what fits, until visit returns false, all was visited, or the limits
// are reached.
func (s *Searcher) walk(ctx context.Context, q Query, visit func(*hit, *walk) (bool, error)) (end ending, err error) {
	began, found := time.Now(), false
	defer func() { s.metrics.ended(began, result(found, &end, err)) }()
	if err := s.searches.take("searches"); err != nil {
		return end, err
	}
	defer s.searches.free()
	ctx, cancel := context.WithTimeout(ctx, s.Limits.Time+grace)
	defer cancel()
	if end.gaps, err = s.await(ctx, q.Topic); err != nil {
		return end, err
	}
	w := &walk{Searcher: s, query: q, terms: q.terms(), budget: newBudget(s.Limits)}
	w.visit = func(h *hit) (bool, error) {
		found = true
		return visit(h, w)
	}
	err = w.partitions(ctx, &end)
	return end, err
}

// grace is how long a search may be behind its time when it answers: the log may
// be slow.
const grace = 10 * time.Second

// result is the label for how a search ended.
func result(found bool, end *ending, err error) string {
	switch {
	case errors.Is(err, ErrBusy):
		return resultBusy
	case errors.Is(err, ErrNoTopic), errors.Is(err, ErrNoIndex), errors.Is(err, ErrTooMany):
		return resultRefused
	case err != nil:
		return resultFailed
	case end.cut != "":
		return resultCut
	case found:
		return resultFound
	}
	return resultNone
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
