package search

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/ledger/index"
	"github.com/evidentlog/evident/internal/ledger/opening"
	"github.com/evidentlog/evident/proof"
)

// Limits of a query.
const (
	MaxLimit     = 10_000 // of records, and usual for proofs
	defaultLimit = 100    // for searches
)

// ErrQuery says that a query makes no sense.
var ErrQuery = errors.New("bad query")

// A Query says what is searched for. All that is given must fit.
type Query struct {
	Topic string // empty: any
	// Nil where any is welcome.
	Key, ID, Source, Type, Correlation []byte
	// Since and Until bound the timestamp in ms: Since <= t < Until.
	Since, Until int64
	Limit        int           // at most; 0 for what is usual
	From         opening.Place // where to go on; the zero value is the beginning
}

// Parameters of a query in a URL.
var parameters = []string{"topic", "key", "id", "source", "type", "correlation", "since", "until", "limit", "cursor"}

// Parameters returns the parameters of a request's URL, all of them: what cannot be
// read must not widen a search. Its errors are ErrQuery.
func Parameters(r *http.Request) (url.Values, error) {
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrQuery, err)
	}
	return v, err
}

// ParseQuery reads a query from the parameters of a URL. Its errors are ErrQuery.
func ParseQuery(v url.Values) (Query, error) {
	q, err := parseQuery(v)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrQuery, err)
	}
	return q, err
}

func parseQuery(v url.Values) (q Query, err error) {
	for name, values := range v {
		if !slices.Contains(parameters, name) {
			return q, fmt.Errorf("there is no parameter %q, only %s", name, strings.Join(parameters, ", "))
		}
		if len(values) > 1 {
			return q, fmt.Errorf("%s is given %d times, and one is possible", name, len(values))
		}
	}
	q = Query{Topic: v.Get("topic"), Since: math.MinInt64, Until: math.MaxInt64}
	for name, field := range map[string]*[]byte{
		"key": &q.Key, "id": &q.ID, "source": &q.Source, "type": &q.Type, "correlation": &q.Correlation,
	} {
		if v.Has(name) {
			*field = append([]byte{}, v.Get(name)...)
		}
	}
	var errs [4]error
	q.Since, errs[0] = parseTime(v, "since", q.Since)
	q.Until, errs[1] = parseTime(v, "until", q.Until)
	if s := v.Get("limit"); s != "" {
		q.Limit, err = strconv.Atoi(s)
		if err != nil || q.Limit < 1 || q.Limit > MaxLimit {
			errs[2] = fmt.Errorf("limit=%q is no number from 1 to %d", s, MaxLimit)
		}
	}
	if s := v.Get("cursor"); s != "" {
		q.From, errs[3] = parsePlace(s)
	}
	return q, cmp.Or(errors.Join(errs[:]...), q.check())
}

func (q *Query) check() error {
	timed := q.Since != math.MinInt64 || q.Until != math.MaxInt64
	named := q.Key != nil || q.ID != nil || q.Type != nil || q.Correlation != nil
	switch {
	case q.Since >= q.Until:
		return errors.New("since is not before until")
	case !named && q.Source != nil:
		return errors.New("a source alone cannot be searched for: give an id too, or a type")
	case !named && !timed:
		return errors.New("what is searched for? Give an id, a key, a type, a correlation, or a topic and a time (since, until)")
	case !named && q.Topic == "":
		return errors.New("a time alone is searched for in one topic: give that too")
	}
	return nil
}

// parseTime reads a time as RFC 3339 has it, or milliseconds since the epoch.
func parseTime(v url.Values, name string, otherwise int64) (int64, error) {
	s := v.Get(name)
	if s == "" {
		return otherwise, nil
	}
	if ms, err := strconv.ParseInt(s, 10, 64); err == nil {
		return ms, nil
	}
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		return 0, fmt.Errorf("%s=%q is no time: write 2026-01-31T08:00:00Z, or milliseconds since 1970", name, s)
	}
	return t.UnixMilli(), nil
}

// parsePlace reads TOPIC/PARTITION@OFFSET.
func parsePlace(s string) (opening.Place, error) {
	place, offset, ok1 := strings.Cut(s, "@")
	topic, partition, ok2 := strings.Cut(place, "/")
	p, err1 := strconv.ParseInt(partition, 10, 32)
	o, err2 := strconv.ParseInt(offset, 10, 64)
	if !ok1 || !ok2 || err1 != nil || err2 != nil || p < 0 || o < 0 {
		return opening.Place{}, fmt.Errorf("cursor=%q is none that was given", s)
	}
	return opening.Place{Topic: topic, Partition: int32(p), Offset: o}, nil
}

func (q *Query) terms() index.Terms {
	t := index.Terms{Since: q.Since, Until: q.Until}
	t.Values[index.Key], t.Values[index.ID] = q.Key, q.ID
	t.Values[index.Type], t.Values[index.Correlation] = q.Type, q.Correlation
	return t
}

// fits tells whether a record is one that is searched for.
func (q *Query) fits(r *proof.Record, e *event.Glance) bool {
	return r.Kind == proof.Data && r.Timestamp >= q.Since && r.Timestamp < q.Until &&
		same(q.Key, r.Key) && same(q.ID, e.ID) && same(q.Source, e.Source) &&
		same(q.Type, e.Type) && same(q.Correlation, e.CorrelationID)
}

func same(want, got []byte) bool { return want == nil || got != nil && bytes.Equal(want, got) }

// eventOf is what a record says as an event.
func eventOf(r *proof.Record) event.Glance {
	return event.GlanceAt(func(yield func(key, value []byte) bool) {
		for _, h := range r.Headers {
			if !yield([]byte(h.Key), h.Value) {
				return
			}
		}
	}, r.Value)
}
