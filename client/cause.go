package client

import (
	"context"

	"github.com/evidentlog/evident/event"
)

type causeKey struct{}

// WithCause returns a context in which what is produced was led to by an event: it gets
// the event's correlationid, or its id, causationid and trace. Handlers are given such
// a context.
func WithCause(ctx context.Context, e *event.Event) context.Context {
	return context.WithValue(ctx, causeKey{}, e)
}

// Cause returns the event that leads to what is produced; false outside of handlers.
func Cause(ctx context.Context) (*event.Event, bool) {
	e, ok := ctx.Value(causeKey{}).(*event.Event)
	return e, ok
}

// relate says by what an event was caused, unless it says so already.
func relate(e, cause *event.Event) {
	if _, said := e.Extension(event.CausationID); !said && cause != nil && cause != e {
		e.CausedBy(cause)
	}
}
