package cloudevents

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/evidentlog/evident/internal/gateway/live"
	"github.com/evidentlog/evident/internal/problem"
)

const (
	// beat is how long nothing is sent before a sign of life is.
	beat = 15 * time.Second
	// takePatience is how long a reader may take for a piece of what it is sent, of
	// this many bytes.
	takePatience = time.Minute
	piece        = 16 << 10
	// gathered is how many bytes of lines are sent together.
	gathered = 64 << 10
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
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	defer context.AfterFunc(a.open, func() { cancel(errStopping) })()
	s, err := a.cfg.Live.Subscribe(ctx, r.PathValue("topic"), q.from)
	if err != nil {
		refuse(w, err)
		return
	}
	defer s.Close()
	if int(q.partition) >= s.Partitions() {
		refuse(w, live.NoPartition(q.partition, s.Partitions()))
		return
	}
	out := &reading{query: q, from: s, at: s.Position(), digits: s.Digits(), w: w, control: http.NewResponseController(w)}
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
	digits  string        // of the topic
	w       http.ResponseWriter
	control *http.ResponseController
	text    []byte // not sent yet
	written bool   // something is, and not flushed
	sent    time.Time
}

func (o *reading) begin() {
	h := o.w.Header()
	h.Set("Content-Type", ContentTypeLines)
	if o.sse {
		h.Set("Content-Type", contentTypeSSE)
		o.id()
		o.text = append(o.text, '\n')
	}
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // proxies are not to gather
	h.Set("X-Content-Type-Options", "nosniff")
	o.w.WriteHeader(http.StatusOK)
}

// run sends events until all that was asked for is sent. What ends otherwise is cut, so
// that it does not look complete.
func (o *reading) run(ctx context.Context) {
	if err := o.send(ctx); err != nil {
		o.failed(err)
		panic(http.ErrAbortHandler)
	}
}

func (o *reading) send(ctx context.Context) error {
	if err := o.flush(); err != nil {
		return err
	}
	quiet := time.NewTicker(beat)
	defer quiet.Stop()
	for !o.done() {
		frames, err := o.from.Next(ctx, quiet.C)
		if err != nil {
			return err
		}
		for _, f := range frames {
			if err := o.add(f); err != nil {
				return err
			}
		}
		if len(o.text) == 0 && !o.written && time.Since(o.sent) >= beat {
			o.signOfLife()
		}
		if len(o.text) == 0 && !o.written {
			continue
		}
		if err := o.flush(); err != nil {
			return err
		}
	}
	return nil
}

// done tells whether everything that was asked for is sent.
func (o *reading) done() bool {
	return o.limit == 0 || !o.follow && o.from.AtEnd()
}

// add appends an event, if it is wanted.
func (o *reading) add(f *live.Frame) error {
	o.at[f.Partition] = f.Offset + 1
	if o.limit == 0 || !o.wants(f) || !o.follow && !o.from.Before(f) {
		return nil
	}
	if o.limit > 0 {
		o.limit--
	}
	if o.sse {
		o.id()
		o.text = append(o.text, "data: "...)
	}
	if err := o.line(f.Line); err != nil || !o.sse {
		return err
	}
	o.text = append(o.text, '\n')
	return nil
}

// line appends a line; one that is large is not copied, but sent.
func (o *reading) line(line []byte) error {
	if len(o.text)+len(line) <= gathered {
		o.text = append(o.text, line...)
		return nil
	}
	if err := o.write(o.text); err != nil {
		return err
	}
	o.text = o.text[:0]
	return o.write(line)
}

// id appends the position, with which a reader goes on.
func (o *reading) id() {
	o.text = o.at.Append(append(o.text, "id: "...))
	if o.digits != "" {
		o.text = append(append(o.text, '~'), o.digits...)
	}
	o.text = append(o.text, '\n')
}

// signOfLife appends what is no event: an empty line, and with server-sent events the
// position, for what was passed need not be looked at again.
func (o *reading) signOfLife() {
	if o.sse {
		o.at = o.from.Position()
		o.id()
	}
	o.text = append(o.text, '\n')
}

// failed tells a reader of server-sent events why there are no more.
func (o *reading) failed(err error) {
	if o.sse {
		o.text = append(append(append(o.text, "event: problem\ndata: "...), err.Error()...), "\n\n"...)
		_ = o.flush() // it is the end anyway
	}
}

// flush sends what was appended.
func (o *reading) flush() error {
	err := o.write(o.text)
	if o.text = o.text[:0]; cap(o.text) > piece {
		o.text = nil // most wait most of the time
	}
	o.sent, o.written = time.Now(), false
	return errors.Join(err, o.control.Flush())
}

// write writes in pieces, each of which has its time.
func (o *reading) write(text []byte) error {
	for part := range slices.Chunk(text, piece) {
		_ = o.control.SetWriteDeadline(time.Now().Add(takePatience)) // some writers of tests have none
		o.written = true
		if _, err := o.w.Write(part); err != nil {
			return err
		}
	}
	return nil
}
