package resource

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// writePatience is how long a transaction may take.
const writePatience = 20 * time.Second

// A Request is a wish, and who has it.
type Request struct {
	Wish
	// Actor is who asks.
	Actor string
	// ID tells requests apart; all that a request changes bears it.
	ID string
	// DryRun only says what would change.
	DryRun bool
	// Match are the revisions that resources must have for the request to be
	// granted, or [Absent].
	Match map[Key]int64
}

// Absent is the revision of what is not declared.
const Absent = -1

// An Answer is what a request came to.
type Answer struct {
	// Changes are what changed, in the order in which it was made so.
	Changes []Change `json:"changes"`
	// Revision is the newest one of what is declared.
	Revision int64 `json:"revision"`
	// Failed says of what is declared now what could not be made so yet, and is
	// tried again.
	Failed []Failure `json:"failed,omitempty"`
}

// A Failure is a resource that what is outside is not like.
type Failure struct {
	Key  Key    `json:"key"`
	Text string `json:"text"`
}

// A FaultsError is what is wrong with a request: nothing of it was done.
type FaultsError struct {
	Faults []Placed
}

func (e *FaultsError) Error() string {
	if n := len(e.Faults); n > 1 {
		return fmt.Sprintf("%s (and %d more)", e.Faults[0].Text, n-1)
	}
	return e.Faults[0].Text
}

// A ConflictError says that a resource was changed meanwhile: nothing was done.
type ConflictError struct {
	Key Key
	// Want is the revision that the request was made for, and Have the one there
	// is, or [Absent].
	Want, Have int64
}

func (e *ConflictError) Error() string {
	switch {
	case e.Want == Absent:
		return fmt.Sprintf("%v is declared already, at revision %d", e.Key, e.Have)
	case e.Have == Absent:
		return fmt.Sprintf("%v is not declared any more; the change was made for its revision %d", e.Key, e.Want)
	}
	return fmt.Sprintf("%v is at revision %d, and the change was made for revision %d: read it again", e.Key, e.Have, e.Want)
}

// A RefusedError says that changes cannot be made: nothing was done.
type RefusedError struct {
	// Faults say which, by the request's declarations, and why.
	Faults []Placed
}

func (e *RefusedError) Error() string {
	var lines []string
	for _, f := range e.Faults {
		lines = append(lines, f.Text)
	}
	return strings.Join(lines, "\n")
}

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
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writePatience)
	defer cancel()
	defer context.AfterFunc(w.life, cancel)()
	end, err := w.commit(ctx, changes, r)
	if err != nil {
		return nil, err
	}
	if state, err = w.service.Await(ctx, end); err != nil {
		return nil, err
	}
	answer.Revision = state.End - 1
	answer.Failed = w.make(ctx, changes, r.Allowed)
	w.noteMade(ctx)
	return answer, nil
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
	w.lost <- err
	return fmt.Errorf("it is not known whether this was declared; apply it again, which does no harm: %w", err)
}
