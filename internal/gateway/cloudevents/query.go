package cloudevents

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/gateway/live"
)

// contentTypeSSE is that of server-sent events (HTML, section 9.2).
const contentTypeSSE = "text/event-stream"

// A query says which events somebody wants to read, and how.
type query struct {
	from      live.From
	sse       bool
	follow    bool  // beyond the end
	limit     int64 // negative: none
	partition int32 // negative: all
	kind      string
	source    string
	subject   string // how it begins
}

// parameters are those that a query can have.
var parameters = []string{"from", "until", "partition", "limit", "type", "source", "subject"}

// queryOf reads a request.
func queryOf(r *http.Request) (q query, err error) {
	v, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, err
	}
	for name, values := range v {
		if !slices.Contains(parameters, name) || len(values) > 1 {
			return q, fmt.Errorf("parameter %q: known are %s, each once", name, strings.Join(parameters, ", "))
		}
	}
	q = query{follow: true, limit: -1, partition: -1, kind: v.Get("type"), source: v.Get("source"), subject: v.Get("subject")}
	if q.sse, err = wantsSSE(r); err != nil {
		return q, err
	}
	switch until := v.Get("until"); until {
	case "":
	case "end":
		q.follow = false
	default:
		return q, fmt.Errorf("until=%q: want end, or nothing to go on for ever", until)
	}
	if text := v.Get("limit"); text != "" {
		if q.limit, err = strconv.ParseInt(text, 10, 64); err != nil || q.limit < 1 {
			return q, fmt.Errorf("limit=%q: want a number of events above 0", text)
		}
	}
	if text := v.Get("partition"); text != "" {
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil || n < 0 {
			return q, fmt.Errorf("partition=%q: want a number from 0", text)
		}
		q.partition = int32(n)
	}
	q.from, err = q.begins(r, v.Get("from"))
	q.from.UntilEnd = !q.follow
	return q, err
}

// wantsSSE tells whether server-sent events are wanted, and not lines.
func wantsSSE(r *http.Request) (bool, error) {
	accept := strings.ToLower(strings.Join(r.Header.Values("Accept"), ","))
	switch {
	case strings.Contains(accept, contentTypeSSE):
		return true, nil
	case accept == "", strings.Contains(accept, "ndjson"), strings.Contains(accept, "jsonl"), strings.Contains(accept, "*/*"), strings.Contains(accept, "application/*"):
		return false, nil
	}
	return false, fmt.Errorf("%w: there are %s and %s, and not %q", errNotAcceptable, ContentTypeLines, contentTypeSSE, accept)
}

// begins reads where reading begins. Where a reader was before wins: an EventSource that
// connects again asks for the same address.
func (q *query) begins(r *http.Request, from string) (live.From, error) {
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		p, digits, err := live.ParsePosition(last)
		return live.From{Position: p, Digits: digits}, err
	}
	switch from {
	case "start":
		return live.From{Start: true}, nil
	case "", "end":
		return live.From{}, nil
	}
	if at, err := time.Parse(time.RFC3339, from); err == nil {
		return live.From{Time: at}, nil
	}
	p, digits, err := live.ParsePosition(from)
	switch {
	case err != nil:
		return live.From{}, fmt.Errorf("from=%q: want start, end, a time such as 2026-01-02T15:04:05Z, an offset with partition=N, or a position such as 17.0.4", from)
	case len(p) == 1 && digits == "" && q.partition >= 0:
		return live.From{Places: []live.Place{{Partition: q.partition, Offset: p[0]}}}, nil
	}
	return live.From{Position: p, Whole: true, Digits: digits}, nil
}

// wants tells whether an event is among those that are asked for.
func (q *query) wants(f *live.Frame) bool {
	e := &f.Event
	return (q.partition < 0 || f.Partition == q.partition) && is(q.kind, e.Type) && is(q.source, e.Source) && starts(q.subject, e)
}

func is(want, got string) bool { return want == "" || got == want }

func starts(prefix string, e *event.Event) bool { return strings.HasPrefix(e.Subject, prefix) }
