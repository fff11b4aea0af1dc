package cloudevents

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/gateway/intake"
	"github.com/evidentlog/evident/internal/problem"
)

const (
	// ContentTypeLines is that of events of which each is a line of JSON.
	ContentTypeLines = "application/x-ndjson"

	// groupEvents and groupBytes are how much of what has come is written together.
	groupEvents = 512
	groupBytes  = 256 << 10
	// groupsUnderWay is how many groups wait for the log before a stream is read on.
	groupsUnderWay = 16
)

// isLines tells whether a content type is that of a stream of lines, under one of the
// names that it has.
func isLines(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	media = strings.ToLower(strings.Trim(media, " \t"))
	return media == ContentTypeLines || media == "application/ndjson" || media == "application/jsonl"
}

// A stream is a request with lines, for as long as it lasts.
type stream struct {
	api    *API
	topic  string
	lines  *event.LineReader
	count  int             // lines that were read, without empty ones
	groups chan *group     // to be answered
	answer *answers        // of the goroutine that answers
	ctx    context.Context // ends with the request, or when nobody takes answers
}

// A group is lines that were there together.
type group struct {
	events  []event.Event
	indexes []int // of the events' lines
	size    int64 // held of what may be pending
	bad     []Bad // the other lines
	flight  *intake.Flight
	err     error // why none of the events is written
	last    error // why there are no more lines
}

// postLines takes a stream of events, each for itself.
func (a *API) postLines(w http.ResponseWriter, r *http.Request, topic string) {
	all, err := wantsAll(r)
	if err != nil {
		problem.Write(w, http.StatusBadRequest, err)
		return
	}
	if err := a.cfg.Intake.Ready(r.Context(), topic); err != nil {
		refuse(w, err)
		return
	}
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex() // of HTTP/1; HTTP/2 is so already
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	s := &stream{
		api: a, topic: topic, groups: make(chan *group, groupsUnderWay), ctx: ctx, answer: newAnswers(w, control, topic, all),
		lines: event.NewLineReader(silent{r.Body, control, a.open}, event.Limits{}),
	}
	defer context.AfterFunc(a.open, func() { _ = control.SetReadDeadline(time.Now()) })()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		defer cancel()
		s.answer.all(s.groups)
	}()
	s.read()
	close(s.groups)
	<-answered
}

// wantsAll tells whether each line is to be answered, or only those that fail.
func wantsAll(r *http.Request) (bool, error) {
	switch v := r.URL.Query().Get("answers"); v {
	case "", "all":
		return true, nil
	case "failed":
		return false, nil
	default:
		return false, fmt.Errorf("answers=%q: want all or failed", v)
	}
}

// read reads groups of lines and begins to write them until the stream ends.
func (s *stream) read() {
	for {
		g := s.gather()
		s.submit(g)
		select {
		case s.groups <- g:
		case <-s.ctx.Done():
			return
		}
		if g.last != nil {
			return
		}
	}
}

// gather takes lines for as long as there are some without waiting.
func (s *stream) gather() *group {
	g := new(group)
	for {
		e, err := s.lines.Next()
		if err == nil {
			err = s.api.stamper.Stamp(&e)
		}
		switch {
		case err == nil:
			g.events, g.indexes = append(g.events, e), append(g.indexes, s.count)
			g.size += int64(len(e.Data)) + eventBytes
		case errors.Is(err, event.ErrInvalid), errors.Is(err, event.ErrSyntax):
			bad := badOf(s.count, err)
			bad.Index, bad.Offset = s.count, nil
			g.bad = append(g.bad, bad)
		default:
			g.last = err
			return g
		}
		s.count++
		if g.size >= groupBytes || len(g.events)+len(g.bad) >= groupEvents || !s.lines.Buffered() {
			return g
		}
	}
}

// submit begins to write a group: each event that can be written.
func (s *stream) submit(g *group) {
	for len(g.events) > 0 && g.flight == nil {
		if err := s.api.pending.Acquire(s.ctx, g.size); err != nil {
			g.err = err
			return
		}
		f, err := s.api.begin(s.ctx, s.topic, g.events)
		single := (*intake.EventError)(nil)
		switch {
		case err == nil:
			g.flight = f
			f.Then(func() { s.api.pending.Release(g.size) })
			return
		case errors.As(err, &single):
			g.bad = append(g.bad, badOf(0, err))
			g.bad[len(g.bad)-1].Index = g.indexes[single.Index]
			g.events = slices.Delete(g.events, single.Index, single.Index+1)
			g.indexes = slices.Delete(g.indexes, single.Index, single.Index+1)
		default:
			g.err = err
		}
		s.api.pending.Release(g.size)
		if g.err != nil {
			return
		}
	}
}

// begin begins to write events, with patience for what has to be read before.
func (a *API) begin(ctx context.Context, topic string, events []event.Event) (*intake.Flight, error) {
	ctx, cancel := context.WithTimeout(ctx, intake.DefaultPatience)
	defer cancel()
	return a.cfg.Intake.Submit(ctx, topic, events)
}

// silent is a stream's body, which may be silent for a while only.
type silent struct {
	io.Reader
	control *http.ResponseController
	open    context.Context // the door
}

// Read implements io.Reader.
func (s silent) Read(p []byte) (int, error) {
	_ = s.control.SetReadDeadline(time.Now().Add(streamPatience)) // some writers of tests have none
	if s.open.Err() != nil {                                      // also if it was closed just before
		return 0, errStopping
	}
	n, err := s.Reader.Read(p)
	if isTimeout(err) && s.open.Err() != nil {
		return n, errStopping
	}
	if isTimeout(err) {
		err = fmt.Errorf("%w: nothing in %v; an empty line is a sign of life", errSlow, streamPatience)
	}
	return n, err
}
