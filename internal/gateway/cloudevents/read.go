package cloudevents

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/evidentlog/evident/internal/gateway/live"
	"github.com/evidentlog/evident/internal/problem"
)

const (
	// beat is how long nothing is sent before a sign of life is.
	beat = 15 * time.Second
	// takePatience is how long a reader may take for what it is sent.
	takePatience = time.Minute
	// stillness is after what time without an event who reads to the end is there: what
	// is left are offsets without one.
	stillness = 3 * time.Second
)

// errNotAcceptable says that events are wanted in a form that there is not.
var errNotAcceptable = errors.New("no such form of events")

// get gives events out, from the past and as they come.
func (a *API) get(w http.ResponseWriter, r *http.Request) {
	if err := a.cfg.MayRead(r); err != nil {
		problem.Unauthorized(w, err)
		return
	}
	q, err := queryOf(r)
	if err != nil {
		status := http.StatusBadRequest
		if errors.Is(err, errNotAcceptable) {
			status = http.StatusNotAcceptable
		}
		problem.Write(w, status, err)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(a.open, cancel)()
	s, err := a.cfg.Live.Subscribe(ctx, r.PathValue("topic"), q.from)
	if err != nil {
		refuse(w, err)
		return
	}
	defer s.Close()
	out := &reading{query: q, from: s, at: s.Position(), end: s.End(), w: w, control: http.NewResponseController(w)}
	out.begin()
	if r.Method != http.MethodHead {
		out.run(ctx)
	}
}

// A reading is one request for events, for as long as it lasts.
type reading struct {
	query
	from    *live.Subscription
	at      live.Position // behind what was looked at
	end     live.Position // of the topic when it began
	w       http.ResponseWriter
	control *http.ResponseController
	text    []byte // not sent yet
	sent    time.Time
	seen    time.Time // when the last event was
}

func (o *reading) begin() {
	h := o.w.Header()
	h.Set("Content-Type", ContentTypeLines)
	if o.sse {
		h.Set("Content-Type", contentTypeSSE)
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies are not to gather
	h.Set("X-Content-Type-Options", "nosniff")
	o.w.WriteHeader(http.StatusOK)
	o.sent, o.seen = time.Now(), time.Now()
}

// run sends events until there are no more, or nobody takes them.
func (o *reading) run(ctx context.Context) {
	if o.flush() != nil {
		return
	}
	every := beat
	if !o.follow {
		every = stillness
	}
	quiet := time.NewTicker(every)
	defer quiet.Stop()
	for !o.done() {
		frames, err := o.from.Next(ctx, quiet.C)
		if err != nil {
			o.failed(ctx, err)
			return
		}
		for _, f := range frames {
			o.add(f)
		}
		if len(frames) > 0 {
			o.seen = time.Now()
		}
		if len(o.text) == 0 && time.Since(o.sent) >= beat {
			o.signOfLife()
		}
		if len(o.text) > 0 && o.flush() != nil {
			return
		}
	}
}

// done tells whether everything that was asked for is sent.
func (o *reading) done() bool {
	return o.limit == 0 || !o.follow && (o.from.Reaches(o.end) || time.Since(o.seen) > stillness)
}

// add appends an event, if it is wanted.
func (o *reading) add(f *live.Frame) {
	o.at[f.Partition] = f.Offset + 1
	if o.limit == 0 || !o.wants(f) || !o.follow && f.Offset >= o.end[f.Partition] {
		return
	}
	if o.limit > 0 {
		o.limit--
	}
	if !o.sse {
		o.text = append(o.text, f.Line...)
		return
	}
	o.text = o.at.Append(append(o.text, "id: "...))
	o.text = append(append(append(o.text, "\ndata: "...), f.Line...), '\n')
}

func (o *reading) signOfLife() {
	if o.sse {
		o.text = append(o.text, ":\n\n"...)
	} else {
		o.text = append(o.text, '\n')
	}
}

// failed tells a reader of server-sent events why there are no more. Of lines, what comes
// to an end without having been asked to has been cut.
func (o *reading) failed(ctx context.Context, err error) {
	if ctx.Err() == nil && o.sse {
		o.text = append(append(append(o.text, "event: problem\ndata: "...), err.Error()...), "\n\n"...)
		_ = o.flush() // it is the end anyway
	}
	if ctx.Err() == nil && !o.sse {
		panic(http.ErrAbortHandler)
	}
}

// flush sends what was appended.
func (o *reading) flush() error {
	_ = o.control.SetWriteDeadline(time.Now().Add(takePatience)) // some writers of tests have none
	_, err := o.w.Write(o.text)
	if o.text = o.text[:0]; cap(o.text) > 64<<10 {
		o.text = nil // most wait most of the time
	}
	o.sent = time.Now()
	return errors.Join(err, o.control.Flush())
}
