package registry

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/schema/registry/record"
)

// writePatience is how long a change may take.
const writePatience = 20 * time.Second

// A writer makes changes, one at a time, for one turn.
type writer struct {
	registry *Registry
	life     context.Context // of the registry: what it writes ends with it
	producer *producer       // of who has the token
	turn     chan struct{}   // has a token while nobody writes
	over     bool            // the turn ends; of who has the token
	lost     chan error      // why it ends
}

// write is one turn: it fences the writer before, reads to the end, and takes requests
// until ctx ends or another node has fenced this one.
func (r *Registry) write(ctx, life context.Context, _ *kgo.Client) error {
	err := r.takeTurn(ctx, life)
	if err != nil && ctx.Err() == nil {
		r.setTrouble(err)
	}
	return err
}

func (r *Registry) takeTurn(ctx, life context.Context) error {
	client, err := r.cfg.Client()
	if err != nil {
		return err
	}
	defer client.Close()
	if err := checkTopic(ctx, client); err != nil {
		return err
	}
	p, err := newProducer(ctx, client, r.cfg.Now)
	if err != nil {
		return err
	}
	w := &writer{registry: r, life: life, producer: p, turn: make(chan struct{}, 1), lost: make(chan error, 1)}
	// The partition has heard of the new epoch when it has this, and what is before it is
	// all that there is.
	offset, _, err := p.write(ctx, []pair{{key: record.Key{Type: record.Noop}.Bytes()}})
	if err == nil {
		err = r.await(ctx, offset)
	}
	if err != nil {
		return err
	}
	w.turn <- struct{}{}
	r.setTrouble(nil)
	r.writer.Store(w)
	r.turn.Seated()
	defer w.end()
	defer r.writer.Store(nil)
	r.cfg.Logger.Info("this node writes the schema registry", "offset", offset)
	select {
	case <-ctx.Done():
		return nil
	case err := <-w.lost:
		return err
	}
}

// end lets who writes finish, and nobody after that.
func (w *writer) end() {
	<-w.turn
	w.over = true
	w.turn <- struct{}{}
}

// change writes what plan wants, whole or not at all. plan looks at the state, which
// does not change before what it wants is there. When it returns, this node has read it.
func (r *Registry) change(ctx context.Context, plan func() ([]record.Record, error)) error {
	w := r.writer.Load()
	if w == nil {
		return Errorf(LeaderUnknown, "Leader not known.")
	}
	select {
	case <-ctx.Done():
		return Errorf(Timeout, "the request ended before it was its turn: %w", context.Cause(ctx))
	case <-w.turn:
	}
	defer func() { w.turn <- struct{}{} }()
	if w.over {
		return Errorf(LeaderUnknown, "Leader not known.")
	}
	records, err := plan()
	if err != nil || len(records) == 0 {
		return err
	}
	// Who asked may go away; what was begun is ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writePatience)
	defer cancel()
	defer context.AfterFunc(w.life, cancel)()
	return w.commit(ctx, records)
}

func (w *writer) commit(ctx context.Context, records []record.Record) error {
	offset, ambiguous, err := w.producer.write(ctx, w.pairs(records))
	switch {
	case err == nil:
	case errors.Is(err, errTooLarge):
		return Errorf(TooLarge, "Register operation failed because schema is too large: %w", err)
	case ambiguous:
		w.lose(err)
		return Errorf(Timeout, "it is not known whether this was written; ask again, which does no harm: %w", err)
	case errors.Is(err, errFenced):
		w.lose(err)
		return Errorf(LeaderUnknown, "Leader not known: %w", err)
	default:
		return Errorf(Store, "the topic of schemas cannot be written: %w", err)
	}
	if err := w.registry.await(ctx, offset); err != nil {
		w.lose(err) // the next change would not see this one
		return Errorf(Timeout, "it was written, and this node has not read it yet: %w", err)
	}
	return nil
}

// pairs are records as the topic is to have them. A key that the topic has in another
// form is taken away in that form first.
func (w *writer) pairs(records []record.Record) []pair {
	var all []pair
	for _, rec := range records {
		if form := w.registry.formOf(rec.Key); form != nil {
			all = append(all, pair{key: form})
		}
		all = append(all, pair{rec.Key.Bytes(), rec.Bytes()})
	}
	return all
}

// lose ends the turn for an error: the next one begins with what is really there.
func (w *writer) lose(err error) {
	w.over = true
	w.registry.writer.CompareAndSwap(w, nil) // who comes now waits for the next one
	w.lost <- err
}
