package registry

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/schema/registry/record"
)

// writePatience is how long a change may take.
const writePatience = 20 * time.Second

// A writer makes changes, one at a time, for one turn.
type writer struct {
	registry *Registry
	reading  *reading // what it writes is read there
	client   *kgo.Client
	life     context.Context // of the registry: what it writes ends with it
	producer *producer       // of who has the token
	checked  time.Time       // when nobody else wrote; of who has the token
	turn     chan struct{}   // has a token while nobody writes
	over     atomic.Bool     // the turn ends
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
	w, offset, err := r.begin(ctx, life, client)
	if err != nil {
		return err
	}
	defer w.reading.leave(w)
	r.show(w.reading)
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

// begin fences the writer before, and reads all that it has written. It returns a writer
// without its token, and the offset of the first record of the turn.
func (r *Registry) begin(ctx, life context.Context, client *kgo.Client) (w *writer, offset int64, err error) {
	if err := checkTopic(ctx, client); err != nil {
		return nil, 0, err
	}
	r.mu.Lock()
	rd := r.mu.reading
	r.mu.Unlock()
	p, err := newProducer(ctx, client, rd.topic, r.cfg.Now)
	if err != nil {
		return nil, 0, err
	}
	w = &writer{
		registry: r, reading: rd, client: client, life: life, producer: p, checked: r.cfg.Now(),
		turn: make(chan struct{}, 1), lost: make(chan error, 1),
	}
	// The partition has heard of the new epoch when it has this, and what is before it is
	// all that there is.
	rd.expect(w)
	offset, _, err = p.write(ctx, []pair{{key: record.Key{Type: record.Noop}.Bytes()}})
	if err == nil {
		err = rd.awaitOwn(ctx, offset)
	}
	if err != nil {
		rd.leave(w)
	}
	if errors.Is(err, errAnother) {
		rd.suspect()
	}
	return w, offset, err
}

// end lets who writes finish, and nobody after that.
func (w *writer) end() {
	<-w.turn
	w.over.Store(true)
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
	if w.over.Load() {
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
	if err := w.prepare(ctx); err != nil {
		w.lose(err)
		return Errorf(LeaderUnknown, "Leader not known: %w", err)
	}
	w.reading.expect(w)
	offset, ambiguous, err := w.producer.write(ctx, w.pairs(records))
	switch {
	case err == nil:
	case ambiguous:
		w.lose(err)
		return Errorf(Timeout, "it is not known whether this was written; ask again, which does no harm: %w", err)
	case errors.Is(err, errTooLarge):
		return Errorf(TooLarge, "Register operation failed because schema is too large: %w", err)
	case errors.Is(err, errFenced), errors.Is(err, errAnother):
		w.lose(err)
		return Errorf(LeaderUnknown, "Leader not known: %w", err)
	default:
		return Errorf(Store, "the topic of schemas cannot be written: %w", err)
	}
	if err := w.reading.awaitOwn(ctx, offset); err != nil {
		w.lose(err) // the next change would not see this one
		return Errorf(Timeout, "it was written, and this node has not read it yet: %w", err)
	}
	if w.over.Load() { // what another has written may stand before it
		return Errorf(Timeout, "it is not known whether this holds; ask again, which does no harm: %w", errBeside)
	}
	return nil
}

// prepare makes sure, now and then, that the writer was not fenced while it was silent,
// and that no other registry has begun to write.
func (w *writer) prepare(ctx context.Context) error {
	now := w.registry.cfg.Now()
	if now.Sub(w.checked) > renewAfter {
		if err := checkAlone(ctx, kadm.NewClient(w.client)); err != nil {
			return err
		}
		w.checked = now
	}
	return w.producer.renew(ctx)
}

// pairs are records as the topic is to have them. A key that the topic has in another
// form is taken away in that form first.
func (w *writer) pairs(records []record.Record) []pair {
	var all []pair
	for _, rec := range records {
		for _, form := range w.reading.formsOf(rec.Key) {
			all = append(all, pair{key: form})
		}
		all = append(all, pair{rec.Key.Bytes(), rec.Bytes()})
	}
	return all
}

// lose ends the turn for an error: the next one begins with what is really there.
func (w *writer) lose(err error) {
	if errors.Is(err, errAnother) {
		w.reading.suspect()
	}
	w.over.Store(true)
	w.registry.writer.CompareAndSwap(w, nil) // who comes now waits for the next one
	select {
	case w.lost <- err:
	default: // the first reason is enough
	}
}
