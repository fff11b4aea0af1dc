package resource

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// writePatience is how long a transaction may take.
const writePatience = 20 * time.Second

// Do grants a request, whole or not at all. When it returns, this node has read
// what was written, and what is outside was made like it where that could be. The
// errors are [ErrNotWriter], [*FaultsError], [*ConflictError], [*RefusedError], or
// of the cluster: then it is not known whether the request was granted.
func (s *Service) Do(ctx context.Context, r Request) (*Answer, error) {
	w := s.writer.Load()
	if w == nil {
		return nil, ErrNotWriter
	}
	return w.do(ctx, r)
}

// A writer grants requests, one at a time, for one turn.
type writer struct {
	service *Service
	life    context.Context // of the service: what it writes ends with it
	client  *kgo.Client
	member  *kgo.Client   // of the group
	from    int64         // what was declared from this offset on may not be made yet; -1: not known
	turn    chan struct{} // has a token while nobody writes
	over    bool          // the turn ends; of who has the token
	lost    chan error    // why it ends
	status  *statuses
}

func newWriter(life context.Context, s *Service, client, member *kgo.Client) *writer {
	w := &writer{service: s, life: life, client: client, member: member, turn: make(chan struct{}, 1), lost: make(chan error, 1), status: newStatuses()}
	w.turn <- struct{}{}
	return w
}

// end lets who writes finish, and nobody after that.
func (w *writer) end() {
	<-w.turn
	w.over = true
	w.turn <- struct{}{}
}

func (w *writer) do(ctx context.Context, r Request) (*Answer, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-w.turn:
	}
	defer func() { w.turn <- struct{}{} }()
	if w.over {
		return nil, ErrNotWriter
	}
	state := w.service.State()
	if err := match(state, r.Match); err != nil {
		return nil, err
	}
	changes, faults := w.service.cfg.Kinds.plan(state, r.Wish)
	if len(faults) > 0 {
		return nil, &FaultsError{faults}
	}
	if err := w.examine(ctx, changes, r.Wish); err != nil {
		return nil, err
	}
	if err := w.relook(ctx, changes); err != nil {
		return nil, err
	}
	answer := &Answer{Changes: changes, Revision: state.End - 1}
	if r.DryRun {
		return answer, nil
	}
	// Who asked may go away; what was begun is ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.service.patience)
	defer cancel()
	defer context.AfterFunc(w.life, cancel)()
	end, err := w.commit(ctx, changes, r)
	if err != nil {
		return nil, err
	}
	if state, err = w.service.Await(ctx, end); err != nil {
		return nil, w.lose(err) // the next request would not see this one
	}
	if err := written(state, changes); err != nil {
		return nil, w.lose(err)
	}
	answer.Revision = state.End - 1
	answer.Failed = w.make(ctx, changes, r.Allowed)
	w.noteMade(ctx)
	return answer, nil
}

// written tells whether changes are those that were read: at an offset there may be
// other records, if the log is another one by now.
func written(s *State, changes []Change) error {
	for _, c := range changes {
		if c.Action == Unchanged {
			continue
		}
		if v := s.Get(c.Key); (v == nil) != (c.After == nil) || v != nil && v.Revision != c.Revision {
			return fmt.Errorf("%w: %v was written at offset %d, and is not what was read there", errOtherLog, c.Key, c.Revision)
		}
	}
	return nil
}

func match(s *State, want map[Key]int64) error {
	for key, revision := range want {
		have := int64(Absent)
		if v := s.Get(key); v != nil {
			have = v.Revision
		}
		if have != revision {
			return &ConflictError{key, revision, have}
		}
	}
	return nil
}

// examine asks kinds whether changes can be made.
func (w *writer) examine(ctx context.Context, changes []Change, wish Wish) error {
	index := map[Key]int{}
	for i, r := range wish.Apply {
		index[r.Key()] = i
	}
	var refused []Placed
	for run := range runs(changes) {
		r := w.reconciler(run[0].Key)
		if r == nil {
			continue
		}
		wrong := r.Examine(ctx, run, wish.Allowed)
		for _, c := range run {
			at, given := index[c.Key]
			if !given {
				at = -1
			}
			if err := wrong[c.Key]; err != nil {
				refused = append(refused, Placed{at, Fault{"/spec", fmt.Sprintf("%v: %v", c.Key, err)}})
			}
		}
	}
	if len(refused) > 0 {
		return &RefusedError{refused}
	}
	return nil
}

// runs are the changes of one kind that follow one another, without what does not
// change.
func runs(changes []Change) iter.Seq[[]Change] {
	return func(yield func([]Change) bool) {
		var run []Change
		for _, c := range changes {
			if c.Action == Unchanged {
				continue
			}
			if len(run) > 0 && (run[0].Key.Kind != c.Key.Kind || (run[0].After == nil) != (c.After == nil)) {
				if !yield(run) {
					return
				}
				run = nil
			}
			run = append(run, c)
		}
		if len(run) > 0 {
			yield(run)
		}
	}
}

func (w *writer) reconciler(k Key) Reconciler {
	if kind, ok := w.service.cfg.Kinds.Kind(k.Kind); ok {
		return kind.Reconciler
	}
	return nil
}

// commit writes changes in a transaction, and returns the last one's offset. An
// error ends the turn: the next one begins with what is really there.
func (w *writer) commit(ctx context.Context, changes []Change, r Request) (int64, error) {
	records, err := w.records(changes, r)
	if err != nil || len(records) == 0 {
		return w.service.State().End - 1, err
	}
	if err := w.client.BeginTransaction(); err != nil {
		return 0, w.lose(err)
	}
	if err := w.client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return 0, w.lose(errors.Join(err, w.client.EndTransaction(ctx, kgo.TryAbort)))
	}
	if err := w.client.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return 0, w.lose(err)
	}
	last := int64(0)
	at := 0
	for i := range changes {
		if changes[i].Action != Unchanged {
			changes[i].Revision = records[at].Offset
			last = max(last, records[at].Offset)
			at++
		}
	}
	return last, nil
}

func (w *writer) records(changes []Change, r Request) ([]*kgo.Record, error) {
	s := stamp{w.service.cfg.Source, r.Actor, r.ID, w.service.cfg.Now()}
	var all []*kgo.Record
	for i := range changes {
		if changes[i].Action == Unchanged {
			continue
		}
		rec, err := s.record(i, &changes[i])
		if err != nil {
			return nil, err
		}
		all = append(all, rec)
	}
	return all, nil
}

// lose ends the turn for an error, which it returns with what it means.
func (w *writer) lose(err error) error {
	w.over = true
	w.service.writer.CompareAndSwap(w, nil) // who comes now waits for the next one
	w.lost <- err
	return fmt.Errorf("it is not known whether this was declared; apply it again, which does no harm: %w", err)
}
