package cloudevents

import (
	"context"
	"errors"
	"net/http"

	"github.com/evidentlog/evident/event"
	"github.com/evidentlog/evident/internal/gateway/intake"
)

// postOne takes one event, in binary or structured mode.
func (a *API) postOne(w http.ResponseWriter, r *http.Request, topic string) {
	b, err := a.body(w, r)
	if err != nil {
		refuse(w, err)
		return
	}
	text, err := b.all(r.ContentLength)
	if err != nil {
		b.release()
		refuse(w, err)
		return
	}
	e, err := event.FromHTTP(r.Header, text)
	if err == nil {
		err = a.stamper.Stamp(&e)
	}
	if err != nil {
		b.release()
		refuse(w, err)
		return
	}
	events := []event.Event{e}
	outcomes, err := a.write(r.Context(), b, topic, events)
	if err == nil {
		err = outcomes[0].Err
	}
	if single := (*intake.EventError)(nil); errors.As(err, &single) {
		err = single.Err // there is no other
	}
	if err != nil {
		refuse(w, err)
		return
	}
	var room [256]byte
	accept(w, "application/json", append(appendPlace(room[:0], -1, &e, topic, outcomes[0]), '\n'))
}

// write writes events and waits for what becomes of them. The body is released when
// nothing needs it any more.
func (a *API) write(ctx context.Context, b *body, topic string, events []event.Event) ([]intake.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, intake.DefaultPatience)
	defer cancel()
	f, err := a.cfg.Intake.Submit(ctx, topic, events)
	if err != nil {
		b.release()
		return nil, err
	}
	outcomes, err := f.Wait(ctx)
	f.Then(b.release)
	return outcomes, err
}
