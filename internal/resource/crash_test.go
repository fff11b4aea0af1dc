package resource

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A wire is all connections of one node, which can be cut.
type wire struct {
	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

func (w *wire) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		return nil, errors.New("the wire is cut")
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		w.conns = append(w.conns, conn)
	}
	return conn, err
}

func (w *wire) kill() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = true
	for _, c := range w.conns {
		_ = c.Close() // which is the point
	}
}

// wired starts a node of that name, and returns how to kill it: it says nothing to
// anybody any more.
func (w *world) wired(out *outside, name string) (*Service, func()) {
	w.t.Helper()
	wire := &wire{}
	s, stop := w.nodeNamed(out, name, kgo.Dialer(wire.dial))
	return s, func() {
		wire.kill()
		w.dying.Go(stop)
	}
}

// A request whose writer dies between its records and their commit was never made,
// and the same node, when it is back, goes on at once.
func TestAnApplyThatIsCutInTheMiddleHasNotHappened(t *testing.T) {
	w, out := newWorld(t), newOutside()
	s, kill := w.wired(out, "a")
	granted(t, s, Wish{Apply: []*Resource{thing(t, "a", 1)}})
	w.cluster.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		go kill()
		return nil, errors.New("the node is killed"), true
	})
	_, err := s.Do(t.Context(), Request{Wish: Wish{Apply: []*Resource{thing(t, "a", 2), thing(t, "b", 1)}}})
	if err == nil {
		t.Fatal("granted by a node that was killed")
	}
	again, _ := w.wired(out, "a")
	granted(t, again, Wish{Apply: []*Resource{thing(t, "c", 1)}})
	state := again.State()
	if v := state.Get(Key{"Thing", "a"}); v == nil || string(v.Resource.Spec) != `{"parts":[],"size":1}` || state.Get(Key{"Thing", "b"}) != nil {
		t.Errorf("declared %v", state.List(""))
	}
}

// A writer that dies after a commit, and before anything is made so, leaves that to
// the next one: it is not taken for drift.
func TestWhatWasDeclaredAndNotMadeIsMadeByTheNextWriter(t *testing.T) {
	w, out := newWorld(t), newOutside()
	s, kill := w.wired(out, "a")
	granted(t, s, Wish{Apply: []*Resource{thing(t, "a", 1), thing(t, "b", 1)}})
	w.cluster.ControlKey(int16(kmsg.EndTxn), func(kmsg.Request) (kmsg.Response, error, bool) {
		kill()
		return nil, nil, false // and it is committed
	})
	if _, err := s.Do(t.Context(), Request{Wish: Wish{Apply: []*Resource{thing(t, "a", 2)}, Delete: []Key{{"Thing", "b"}}}}); err == nil {
		t.Fatal("granted by a node that was killed")
	}
	again, _ := w.wired(out, "a")
	granted(t, again, Wish{Apply: []*Resource{thing(t, "c", 1)}})
	if _, err := again.Do(t.Context(), Request{Wish: Wish{Apply: []*Resource{thing(t, "c", 1)}}}); err != nil { // after what its turn begins with
		t.Fatal(err)
	}
	if got := out.String(); got != `map[a:{"parts":[],"size":2} c:{"parts":[],"size":1}]` {
		t.Errorf("made %s", got)
	}
}

// A node that was killed may come back at another address, and the others find it.
func TestTheOthersFindANodeThatCameBackElsewhere(t *testing.T) {
	w, out := newWorld(t), newOutside()
	a, kill := w.wired(out, "a")
	granted(t, a, Wish{Apply: []*Resource{thing(t, "a", 1)}})
	b, _ := w.wired(out, "b")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if at, err := b.Writer(ctx); err != nil || at != "http://a:0" {
		t.Fatalf("at first at %q, %v", at, err)
	}
	kill()
	w.port = 1
	w.wired(out, "a")
	for {
		seat := b.turn.Changed()
		if at, err := b.Writer(ctx); err != nil {
			t.Fatal(err)
		} else if at != "http://a:0" {
			break // or b writes itself
		}
		select {
		case <-ctx.Done():
			t.Fatal("the old address is the one that is known")
		case <-seat:
		}
	}
}

// Whatever nodes do and whenever they die: each request has happened whole or not at
// all, those that were granted have, and what is declared is what they add up to.
func TestTheStateIsTheSumOfTheRequests(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			newHistory(t, seed).run(15)
		})
	}
}

// A history is what was asked for, and what came of it.
type history struct {
	t     *testing.T
	w     *world
	out   *outside
	mu    sync.Mutex // what the cluster's goroutine needs, too
	rng   *rand.Rand
	nodes map[string]*Service // nil: killed
	kill  map[string]func()

	wished  map[string][]string // names by request
	granted map[string]bool     // requests
}

func newHistory(t *testing.T, seed uint64) *history {
	h := &history{
		t: t, rng: rand.New(rand.NewPCG(seed, 0)), w: newWorld(t), out: newOutside(),
		nodes: map[string]*Service{}, kill: map[string]func(){}, wished: map[string][]string{}, granted: map[string]bool{},
	}
	for _, name := range []string{"a", "b"} {
		h.nodes[name], h.kill[name] = h.w.wired(h.out, name)
	}
	return h
}

func (h *history) run(steps int) {
	for step := range steps {
		if h.random(3) == 0 {
			h.w.cluster.ControlKey(int16(kmsg.EndTxn), h.killWriter)
		}
		h.ask(fmt.Sprint("request-", step), step+1)
		h.revive()
	}
	for last := steps; ; last++ { // one may yet be killed
		id := fmt.Sprint("request-", last)
		h.ask(id, last+1)
		h.revive()
		if h.granted[id] {
			break
		}
	}
	h.check()
}

func (h *history) random(below int) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.rng.IntN(below)
}

// revive starts nodes again that were killed.
func (h *history) revive() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, s := range h.nodes {
		if s == nil {
			h.nodes[name], h.kill[name] = h.w.wired(h.out, name)
		}
	}
}

// alive are the nodes that were not killed.
func (h *history) alive() map[string]*Service {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := maps.Clone(h.nodes)
	maps.DeleteFunc(all, func(_ string, s *Service) bool { return s == nil })
	return all
}

// killWriter kills whoever commits: sometimes before that has happened, sometimes
// after.
func (h *history) killWriter(kmsg.Request) (kmsg.Response, error, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for name, s := range h.nodes {
		if s != nil && s.writer.Load() != nil {
			h.nodes[name] = nil
			h.kill[name]()
		}
	}
	if h.rng.IntN(2) == 0 {
		return nil, errors.New("the node is killed"), true
	}
	h.w.cluster.DropControl()
	return nil, nil, false
}

// ask asks nodes until one of them takes the request.
func (h *history) ask(id string, size int) {
	names := map[string]bool{}
	for range 1 + h.random(4) {
		names[fmt.Sprint("thing-", h.random(6))] = true
	}
	r := Request{ID: id, Actor: "me"}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		r.Apply = append(r.Apply, thing(h.t, name, size))
	}
	h.wished[id] = slices.Sorted(maps.Keys(names))
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	for {
		for _, s := range h.alive() {
			short, stop := context.WithTimeout(ctx, 100*time.Millisecond)
			base, err := s.Writer(short)
			stop()
			if err != nil || base != "" {
				continue
			}
			if _, err = s.Do(ctx, r); errors.Is(err, ErrNotWriter) {
				continue
			}
			h.granted[id] = err == nil
			return
		}
		if ctx.Err() != nil {
			h.t.Fatal("nobody writes")
		}
	}
}

func (h *history) check() {
	for name, s := range h.nodes {
		end := int64(0)
		for _, other := range h.nodes {
			end = max(end, other.State().End)
		}
		if _, err := s.Await(h.t.Context(), end-1); err != nil {
			h.t.Fatal(err)
		}
		happened, sum := map[string][]string{}, map[string]int64{}
		err := s.History(h.t.Context(), Key{}, func(v *Version) error {
			happened[v.Request] = append(happened[v.Request], v.Key.Name)
			sum[v.Key.Name] = v.Revision
			return nil
		})
		if err != nil {
			h.t.Fatal(err)
		}
		for id, names := range h.wished {
			if got := happened[id]; (len(got) > 0 || h.granted[id]) && !slices.Equal(got, names) {
				h.t.Errorf("node %s: of %s there is %v, not %v; granted: %v", name, id, got, names, h.granted[id])
			}
		}
		is := map[string]int64{}
		for _, v := range s.State().List("") {
			is[v.Key.Name] = v.Revision
		}
		if !maps.Equal(is, sum) {
			h.t.Errorf("node %s: declared is %v, and the requests add up to %v", name, is, sum)
		}
	}
}
