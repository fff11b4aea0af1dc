package cloudevents

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// bodyPatience is how long a body may take, however short it is; bodyRate is how many
	// bytes a second it must bring beyond that.
	bodyPatience = 30 * time.Second
	bodyRate     = 16 << 10
	// streamPatience is how long a stream of lines may be silent.
	streamPatience = 5 * time.Minute
	// turnPatience is how long a request waits for others to be answered.
	turnPatience = 2 * time.Second
	// portion is how much more of a body is let in at a time.
	portion = 64 << 10
)

// Errors of reading requests.
var (
	errBusy     = errors.New("too many bytes of other requests are under way: come again later")
	errBodySize = errors.New("the body is too large")
	errSlow     = errors.New("the body comes too slowly")
	errStopping = errors.New("the node is stopping: go on with another one, or when it is back")
)

// A body is that of a request which is no stream, held to size, rate and what all
// requests together may have.
type body struct {
	api     *API
	ctx     context.Context
	reader  io.Reader
	control *http.ResponseController
	began   time.Time
	read    int64
	held    int64 // of what is pending, for the bytes
	kept    int64 // of the same, for what is made of them
}

// body begins to read that of a request. It is to be released, also after an error.
func (a *API) body(w http.ResponseWriter, r *http.Request) (*body, error) {
	b := &body{api: a, ctx: r.Context(), reader: r.Body, control: http.NewResponseController(w), began: time.Now()}
	if r.ContentLength > a.cfg.MaxBody {
		return b, fmt.Errorf("%w: it has %d bytes, and may have %d", errBodySize, r.ContentLength, a.cfg.MaxBody)
	}
	return b, b.hold(portion) // what it says of its length costs who sends it nothing
}

// hold takes a share of what may be pending.
func (b *body) hold(n int64) error {
	if err := b.api.hold(b.ctx, n); err != nil {
		return err
	}
	b.held += n
	return nil
}

// keep takes a share for what is made of the body, which has so many bytes by now, a
// portion at a time.
func (b *body) keep(n int64) error {
	if n <= b.kept {
		return nil
	}
	more := int64(portion)
	if b.held+b.kept+more > b.api.cfg.Pending {
		return fmt.Errorf("%w: what is made of it needs more than the %d bytes that all requests may have", errBodySize, b.api.cfg.Pending)
	}
	if err := b.api.hold(b.ctx, more); err != nil {
		return err
	}
	b.kept += more
	return nil
}

// hold waits a little for room for so many bytes.
func (a *API) hold(ctx context.Context, n int64) error {
	if a.pending.TryAcquire(n) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, turnPatience)
	defer cancel()
	if err := a.pending.Acquire(ctx, n); err != nil {
		return fmt.Errorf("%w: %d bytes", errBusy, a.cfg.Pending)
	}
	return nil
}

// release gives back the share, when nothing of the body is needed any more.
func (b *body) release() {
	b.api.pending.Release(b.held + b.kept)
	b.held, b.kept = 0, 0
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.read == b.held {
		if err := b.hold(min(portion, b.api.cfg.MaxBody+1-b.read)); err != nil {
			return 0, err
		}
	}
	patience := bodyPatience + time.Duration(b.read/bodyRate)*time.Second
	_ = b.control.SetReadDeadline(b.began.Add(patience)) // some writers of tests have none
	n, err := b.reader.Read(p[:min(int64(len(p)), b.held-b.read)])
	if b.read += int64(n); b.read > b.api.cfg.MaxBody {
		return 0, fmt.Errorf("%w: it has more than %d bytes", errBodySize, b.api.cfg.MaxBody)
	}
	if isTimeout(err) {
		err = fmt.Errorf("%w: %d bytes in %v", errSlow, b.read, patience)
	}
	return n, err
}

// all reads the rest, and lets the connection be.
func (b *body) all(length int64) ([]byte, error) {
	text := make([]byte, 0, max(min(length, portion)+1, 512)) // one more, to see the end
	for {
		n, err := b.Read(text[len(text):cap(text)])
		text = text[:len(text)+n]
		if err == io.EOF {
			b.rest()
			return text, nil
		}
		if err != nil {
			return nil, err
		}
		if len(text) == cap(text) {
			text = append(text, 0)[:len(text)]
		}
	}
}

// rest ends the deadline, so that the connection is not cut while the log is written.
func (b *body) rest() { _ = b.control.SetReadDeadline(time.Time{}) }

// isTimeout tells whether reading has come to its deadline.
func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
