package cloudevents

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/gateway/intake"
	"github.com/evidentlog/evident/internal/gateway/live"
	"github.com/evidentlog/evident/internal/problem"
)

// Defaults of Config, in bytes.
const (
	DefaultMaxBody = 16 << 20
	DefaultPending = 256 << 20
)

// source is what an event is from that does not say.
const source = "/evident/gateway"

// Config configures the door.
type Config struct {
	// Intake takes the events.
	Intake *intake.Intake
	// MayWrite tells why a request may not write; nil if it may.
	MayWrite func(*http.Request) error
	// Live gives the events to readers.
	Live *live.Hub
	// MayRead tells why a request may not read; nil if it may.
	MayRead func(*http.Request) error
	// Origins are the origins from which webhooks are let in (the names that senders give
	// themselves in the handshake); "*" is all. Default: none.
	Origins []string
	// MaxBody is how large the body of a request may be that is no stream, in bytes.
	// Default: DefaultMaxBody.
	MaxBody int64
	// Pending is how large all requests together may be that are not answered, in bytes.
	// Default: DefaultPending.
	Pending int64
}

// An API answers requests. Its methods may be called by any goroutine.
type API struct {
	cfg     Config
	stamper *event.Stamper
	pending *semaphore.Weighted

	open context.Context // until Close
	stop context.CancelFunc
}

// New makes an API.
func New(cfg Config) (*API, error) {
	if cfg.MaxBody == 0 {
		cfg.MaxBody = DefaultMaxBody
	}
	if cfg.Pending == 0 {
		cfg.Pending = max(DefaultPending, cfg.MaxBody)
	}
	if cfg.Pending < cfg.MaxBody {
		return nil, fmt.Errorf("requests of %d bytes may be under way in all, and one may have %d: give the first as much as the second", cfg.Pending, cfg.MaxBody)
	}
	stamper, err := event.NewStamper(source, time.Now, rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &API{cfg: cfg, stamper: stamper, pending: semaphore.NewWeighted(cfg.Pending)}
	a.open, a.stop = context.WithCancel(context.Background())
	return a, nil
}

// Close ends streams, which would go on for ever: what they have sent is answered.
func (a *API) Close() { a.stop() }

// Handle adds the paths to a mux.
func (a *API) Handle(mux *http.ServeMux) {
	for _, path := range []string{"/v1/topics/{topic}/events", "/v1/events"} {
		mux.HandleFunc("POST "+path, a.post)
		mux.HandleFunc("OPTIONS "+path, a.handshake)
	}
	mux.HandleFunc("GET /v1/topics/{topic}/events", a.get)
}

// topicOf is the topic that a request names; empty if it names none.
func topicOf(r *http.Request) string {
	if t := r.PathValue("topic"); t != "" {
		return t
	}
	return r.URL.Query().Get("topic")
}

// post takes events in.
func (a *API) post(w http.ResponseWriter, r *http.Request) {
	if err := a.cfg.MayWrite(r); err != nil {
		problem.Unauthorized(w, err)
		return
	}
	topic := topicOf(r)
	if topic == "" {
		problem.Write(w, http.StatusBadRequest, errNoTopicNamed)
		return
	}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		w.Header().Set("Accept-Encoding", "identity") // RFC 9110, section 12.5.3
		problem.Write(w, http.StatusUnsupportedMediaType, fmt.Errorf("the body has Content-Encoding %q: send it as it is", coding))
		return
	}
	contentType := r.Header.Get("Content-Type")
	switch {
	case isLines(contentType):
		a.postLines(w, r, topic)
	case event.ModeOf(contentType) == event.ModeBatch:
		a.postBatch(w, r, topic)
	default:
		a.postOne(w, r, topic)
	}
}
