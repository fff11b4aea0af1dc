package transaction

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"pgregory.net/rapid"
)

// TestWhateverClientsDo: any number of clients with one transactional id begin, add,
// write, end, repeat themselves and come back from the dead, in any order, while
// writes fail, the coordinator restarts, the power is cut before what counts already is
// stored, and transactions take too long. Only the last
// to begin gets anywhere; what it is told of a transaction is what becomes of it, in
// all partitions.
func TestWhateverClientsDo(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{t: rt, fresh: 100, given: map[Producer]bool{}, unended: map[Partition][]written{}}
		w.v = New(w.freshID(), w.now)
		w.stored(w.v)
		rt.Repeat(map[string]func(*rapid.T){
			"":           w.check,
			"begin":      w.begin,
			"go on":      w.goOn,
			"add":        w.add,
			"add 2":      w.add,
			"write":      w.write,
			"end":        w.end,
			"end 2":      w.end,
			"repeat":     w.repeat,
			"too slow":   w.tooSlow,
			"complete":   func(*rapid.T) { w.complete() },
			"restart":    func(*rapid.T) { w.v = w.altered(func(v *Value) { v.LastEpoch = noEpoch }); w.forgetful = true },
			"power cut":  w.powerCut,
			"to its end": w.useUp,
		})
	})
}

// world is one transactional id, the partitions that it writes, and its clients.
type world struct {
	t     *rapid.T
	v     *Value
	now   int64
	fresh int64 // the last producer id that was given out

	clients []*client // the last one is the present one, the others are zombies
	given   map[Producer]bool
	number  int  // of the transaction that is open, or was the last
	open    bool // what clients may know, not what is stored
	commit  bool // how the last one ended
	added   Partitions
	// unended are the batches without a marker.
	unended map[Partition][]written
	// forgetful: a restart has lost the epoch before.
	forgetful bool

	durable *Value   // what a start finds
	under   []*Value // what is being stored after it, in order, and counts already
	early   bool     // what is being asked may count before it is stored
}

// client is a producer as it sees itself.
type client struct {
	Producer
	version Version
	late    bool  // its transaction was aborted, and it has not heard of it
	ended   *bool // the answer to its EndTxn was lost: committed or aborted
}

type written struct {
	by     Producer
	number int
}

func (w *world) freshID() int64 {
	w.fresh++
	return w.fresh
}

func (w *world) altered(f func(*Value)) *Value {
	v := *w.v
	f(&v)
	return &v
}

func (w *world) check(*rapid.T) {
	if w.open != (w.v.State == Ongoing) {
		w.t.Fatalf("%v, while the clients' transaction is open: %v", w.v.State, w.open)
	}
	if w.open && !maps.Equal(w.v.Partitions, w.added) {
		w.t.Fatalf("the transaction has %v, added were %v", w.v.Partitions, w.added)
	}
}

// store makes v's successor durable.
func (w *world) store(next *Value) {
	before := w.v
	from := map[State][]State{
		Empty:          {Empty, CompleteCommit, CompleteAbort},
		Ongoing:        {Empty, Ongoing, CompleteCommit, CompleteAbort},
		PrepareCommit:  {Ongoing},
		PrepareAbort:   {Empty, Ongoing, CompleteCommit, CompleteAbort},
		CompleteCommit: {PrepareCommit},
		CompleteAbort:  {PrepareAbort},
	}
	rising := next.Producer.ID == before.Producer.ID && next.Producer.Epoch >= before.Producer.Epoch ||
		next.Producer.ID > before.Producer.ID && next.Producer.Epoch == 0
	switch {
	case !slices.Contains(from[next.State], before.State):
		w.t.Fatalf("%v follows %v", next.State, before.State)
	case !rising || next.Producer.Epoch < 0:
		w.t.Fatalf("%v follows %v", next.Producer, before.Producer)
	case next.Producer.Epoch > lastEpoch && !next.State.Prepared():
		w.t.Fatalf("somebody could be %v", next.Producer)
	case next.PreviousID != before.Producer.ID || next.Updated != w.now:
		w.t.Fatalf("%+v follows %+v", next, before)
	case next.State.Prepared() && !maps.Equal(next.Partitions, before.Partitions):
		w.t.Fatalf("%v ends with %v", before.Partitions, next.Partitions)
	}
	if next.State.Prepared() {
		w.open, w.commit = false, next.State == PrepareCommit
	}
	w.v = next
}

// complete writes the markers of what has been decided.
func (w *world) complete() {
	if !w.v.State.Prepared() {
		return
	}
	for p, batches := range w.unended {
		if _, ok := w.v.Partitions[p]; !ok {
			w.t.Fatalf("batches %v in %v stay without a marker", batches, p)
		}
		for _, b := range batches {
			if b.number != w.number || b.by.ID != w.v.Producer.ID || b.by.Epoch > w.v.Producer.Epoch {
				w.t.Fatalf("batch %v in %v gets the marker of transaction %d, %v", b, p, w.number, w.v.Producer)
			}
		}
	}
	clear(w.unended)
	w.now++
	w.store(w.v.Complete(w.now))
	w.under = append(w.under, w.v)
}

// stored notes that v is durable, and so is all before it.
func (w *world) stored(v *Value) { w.durable, w.under = v, nil }

// powerCut loses some of what was being stored, and the batches in partitions of which
// it is then not known that they are in the transaction, or not.
func (w *world) powerCut(*rapid.T) {
	if kept := rapid.IntRange(0, len(w.under)).Draw(w.t, "kept"); kept > 0 {
		w.durable = w.under[kept-1]
	}
	var open []Open
	for p, batches := range w.unended {
		_, known := w.durable.Partitions[p]
		if known = known && w.durable.State == Ongoing && batches[0].by == w.durable.Producer; !known && w.v.State == Ongoing && rapid.Bool().Draw(w.t, "lost") {
			delete(w.unended, p)
			continue
		}
		open = append(open, Open{p, batches[0].by})
	}
	v := *w.durable
	v.LastEpoch, w.forgetful = noEpoch, true
	w.now++
	var endings []Ending
	if w.v, endings = v.Resume(w.now, open); len(endings) > 0 {
		w.t.Fatalf("%v are nobody's (%+v)", endings, v)
	}
	w.stored(&v)
	if w.v.State != v.State || len(w.v.Partitions) != len(v.Partitions) {
		w.under = []*Value{w.v}
	}
	if w.open = w.v.State == Ongoing; w.open {
		w.added = w.v.Partitions
	}
	for p, batches := range w.unended {
		_, in := w.v.Partitions[p]
		if b := batches[0]; !in || b.number != w.number || w.open && b.by != w.v.Producer {
			w.t.Fatalf("batch %v in %v, which is open, is not of transaction %d (%+v)", b, p, w.number, w.v)
		}
	}
}

// ask asks until there is an answer. A write may fail, which is one, too.
func (w *world) ask(decide func(freshID int64) Step) (Producer, *kerr.Error) {
	id := int64(NoID)
	for {
		w.now++
		switch s := decide(id); {
		case s.Wait:
			if !w.v.State.Prepared() {
				w.t.Fatalf("%v: nobody knows what for to wait", w.v.State)
			}
			w.complete()
		case s.NeedID:
			id = w.freshID()
		case s.Err != nil:
			return None, s.Err
		case s.Next == nil:
			return s.Producer, nil
		case w.early && s.Early:
			w.store(s.Next)
			w.under = append(w.under, s.Next)
			return s.Producer, nil
		case rapid.IntRange(0, 9).Draw(w.t, "write fails") == 0:
			return None, kerr.CoordinatorNotAvailable
		default:
			w.store(s.Next)
			w.stored(s.Next)
			if !s.Again {
				return s.Producer, nil
			}
		}
	}
}

// redraw ends an action that cannot be taken now, and lets rapid draw another in
// its place: no test is left out.
func (w *world) redraw(why string) { w.t.Skip(why) }

func (w *world) some() *client {
	if len(w.clients) == 0 {
		w.redraw("nobody has begun")
	}
	back := rapid.IntRange(0, min(2, len(w.clients)-1)).Draw(w.t, "clients back")
	return w.clients[len(w.clients)-1-back]
}

// present tells whether c is to be listened to.
func (w *world) present(c *client) bool { return c == w.clients[len(w.clients)-1] }

// refused checks that err is what a client is told that is not the present one.
func (w *world) refused(what string, err *kerr.Error) {
	if err != kerr.ProducerFenced && err != kerr.InvalidProducerIDMapping {
		w.t.Fatalf("%s of a zombie: %v", what, err)
	}
}

// wanted tells whether err is as it should be; if not, because a write failed.
func (w *world) wanted(what string, err, want *kerr.Error) bool {
	if err != want && err != kerr.CoordinatorNotAvailable {
		w.t.Fatalf("%s: %v, want %v (%+v)", what, err, want, w.v)
	}
	return err == want
}

// become makes c who it was told to be.
func (w *world) become(c *client, p Producer) {
	if w.given[p] || p.Epoch < 0 || p.Epoch > lastEpoch {
		w.t.Fatalf("somebody is told to be %v (%+v)", p, w.v)
	}
	w.given[p] = true
	c.Producer, c.late, c.ended = p, false, nil
}

func (w *world) begin(*rapid.T) {
	open := w.open
	p, err := w.ask(func(id int64) Step { return w.v.Init(w.now, InitRequest{1000, None, id}) })
	if open && !w.open {
		w.clients[len(w.clients)-1].late = true
	}
	if !w.wanted("begin", err, nil) {
		return
	}
	c := &client{version: rapid.SampledFrom([]Version{V0, V2}).Draw(w.t, "version")}
	w.become(c, p)
	w.clients, w.forgetful = append(w.clients, c), false
}

// goOn asks for the next epoch (KIP-360).
func (w *world) goOn(*rapid.T) {
	c, open := w.some(), w.open
	p, err := w.ask(func(id int64) Step { return w.v.Init(w.now, InitRequest{1000, c.Producer, id}) })
	switch {
	case !w.present(c):
		w.refused("go on", err)
		if open && !w.open {
			w.t.Fatal("a zombie has aborted a transaction")
		}
	case err == kerr.ProducerFenced && w.forgetful && w.v.Producer != c.Producer: // it has to begin
	case w.wanted("go on", err, nil):
		w.become(c, p)
	default:
		c.late = c.late || open && !w.open
	}
}

func (w *world) add(*rapid.T) {
	c := w.some()
	ps := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Partition {
		return Partition{"t", rapid.Int32Range(0, 3).Draw(t, "partition")}
	}), 1, 2).Draw(w.t, "partitions")
	w.early = c.version == V2
	_, err := w.ask(func(int64) Step { return w.v.Add(w.now, c.Producer, ps, c.version) })
	w.early = false
	if !w.present(c) || c.late || c.ended != nil && c.Producer != w.v.Producer {
		w.refused("add", err)
		return
	}
	if !w.wanted("add", err, nil) {
		return
	}
	if !w.open {
		w.number, w.open, w.added = w.number+1, true, Partitions{}
	}
	c.ended = nil
	w.added = w.added.with(ps)
}

// write appends a batch, if it is let in.
func (w *world) write(*rapid.T) {
	c := w.some()
	p := Partition{"t", rapid.Int32Range(0, 3).Draw(w.t, "partition")}
	_, added := w.added[p]
	s := w.v.Verify(c.Producer, []Partition{p})
	if in := w.present(c) && w.open && added && !c.late; in != (s.Err == nil) {
		w.t.Fatalf("a batch of %v in %v: %v (%+v)", c.Producer, p, s.Err, w.v)
	}
	if s.Err == nil {
		w.unended[p] = append(w.unended[p], written{c.Producer, w.number})
	}
}

func (w *world) end(*rapid.T) {
	c, commit := w.some(), rapid.Bool().Draw(w.t, "commit")
	if c.ended != nil {
		w.redraw("its transaction has been ended: repeat asks again")
	}
	open, last := w.open, w.v
	p, err := w.ask(func(id int64) Step { return w.v.End(w.now, EndRequest{c.Producer, commit, c.version, id}) })
	switch {
	case !w.present(c):
		w.refused("end", err)
		return
	case c.late && c.version == V0:
		w.refused("end of what has been aborted", err)
		return
	case c.late && commit, !open && commit && c.version == V2:
		w.wanted("commit of nothing", err, kerr.InvalidTxnState)
		return
	case !open && c.version == V0 && !sameEnd(last.State, commit):
		w.wanted("end of nothing", err, kerr.InvalidTxnState)
		return
	}
	if !w.wanted("end", err, nil) {
		return
	}
	if w.commit != commit {
		w.t.Fatalf("commit %v was answered with a success, and became %v", commit, w.v.State)
	}
	if rapid.IntRange(0, 3).Draw(w.t, "answer lost") == 0 {
		c.ended = &commit
		return
	}
	w.ended(c, p)
}

// sameEnd tells whether a state is what the end of a transaction leads to.
func sameEnd(s State, commit bool) bool {
	prepared, completed := outcome(commit)
	return s == prepared || s == completed
}

// ended tells c the answer to its EndTxn.
func (w *world) ended(c *client, p Producer) {
	if c.version == V2 {
		w.become(c, p)
		return
	}
	if p != c.Producer {
		w.t.Fatalf("%v is told to be %v", c.Producer, p)
	}
	c.ended = nil
}

// repeat asks again for what has been answered.
func (w *world) repeat(*rapid.T) {
	c := w.some()
	if c.ended == nil {
		w.redraw("it waits for no answer that it could ask for again")
	}
	commit := rapid.Bool().Draw(w.t, "commit")
	p, err := w.ask(func(id int64) Step { return w.v.End(w.now, EndRequest{c.Producer, commit, c.version, id}) })
	switch {
	case !w.present(c):
		w.refused("repeat", err)
	case commit != *c.ended:
		w.wanted("change of mind", err, kerr.InvalidTxnState)
	case w.wanted("repeat", err, nil):
		w.ended(c, p)
	}
}

func (w *world) tooSlow(*rapid.T) {
	if !w.open {
		w.redraw("no transaction is open")
	}
	c := w.clients[len(w.clients)-1]
	if _, err := w.ask(func(id int64) Step { return w.v.Fence(w.now, id) }); err == nil {
		c.late = true
	}
}

// useUp brings the producer to its last epoch.
func (w *world) useUp(*rapid.T) {
	if len(w.clients) == 0 {
		w.redraw("nobody has begun")
	}
	c := w.clients[len(w.clients)-1]
	if c.Producer != w.v.Producer || c.ended != nil || len(w.unended) > 0 || w.v.State.Prepared() {
		w.redraw("a transaction is open or ending, and the last epoch is reached between two")
	}
	w.v = w.altered(func(v *Value) {
		v.PreviousID, v.Producer.Epoch, v.LastEpoch = v.Producer.ID, lastEpoch, noEpoch
	})
	w.stored(w.v)
	w.forgetful = true
	c.Epoch = lastEpoch
	w.given[c.Producer] = true
}

func (p Producer) String() string { return fmt.Sprintf("%d/%d", p.ID, p.Epoch) }
