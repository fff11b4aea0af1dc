package resource

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A world is a cluster with nodes that keep resources.
type world struct {
	t       *testing.T
	cluster *kfake.Cluster
	nodes   int
	dying   sync.WaitGroup // nodes that were killed
	port    int            // of the nodes' addresses
}

func newWorld(t *testing.T) *world {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SleepOutOfOrder())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	w := &world{t: t, cluster: c}
	t.Cleanup(w.dying.Wait)
	return w
}

func (w *world) client(opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(w.cluster.ListenAddrs()...)}, opts...)...)
}

// node starts a node. What it makes outside is kept by outside.
func (w *world) node(outside *outside) (*Service, func()) {
	w.t.Helper()
	w.nodes++
	return w.nodeNamed(outside, fmt.Sprint("node-", w.nodes))
}

// nodeNamed starts a node of that name, which it may have had before.
func (w *world) nodeNamed(outside *outside, name string, more ...kgo.Opt) (*Service, func()) {
	w.t.Helper()
	kinds := things(w.t)
	kinds.byName["Thing"].Reconciler = outside
	s := New(Config{
		Client:            func(opts ...kgo.Opt) (*kgo.Client, error) { return w.client(append(opts, more...)...) },
		ReplicationFactor: -1, Kinds: kinds, Source: "/test",
		Instance: name, Address: fmt.Sprintf("http://%s:%d", name, w.port), Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(w.t.Context())
	ran := make(chan error, 1)
	go func() { ran <- s.Run(ctx) }()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-ran; err != nil {
			w.t.Error(err)
		}
	})
	w.t.Cleanup(stop)
	return s, stop
}

// outside is what things are outside: a map.
type outside struct {
	mu   sync.Mutex
	made map[string]string // name to spec
	fail map[string]error  // what cannot be made
	no   map[string]error  // what is refused
}

func newOutside() *outside {
	return &outside{made: map[string]string{}, fail: map[string]error{}, no: map[string]error{}}
}

func (o *outside) Examine(_ context.Context, changes []Change, _ Allowed) map[Key]error {
	o.mu.Lock()
	defer o.mu.Unlock()
	wrong := map[Key]error{}
	for _, c := range changes {
		wrong[c.Key] = o.no[c.Key.Name]
	}
	return wrong
}

func (o *outside) Make(_ context.Context, changes []Change, _ Allowed) map[Key]error {
	o.mu.Lock()
	defer o.mu.Unlock()
	wrong := map[Key]error{}
	for _, c := range changes {
		if err := o.fail[c.Key.Name]; err != nil {
			wrong[c.Key] = err
			continue
		}
		if c.After == nil {
			delete(o.made, c.Key.Name)
			continue
		}
		o.made[c.Key.Name] = string(c.After.Spec)
	}
	return wrong
}

func (o *outside) Drift(_ context.Context, declared []*Resource) (map[Key][]Difference, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := map[Key][]Difference{}
	for _, r := range declared {
		switch there, ok := o.made[r.Metadata.Name]; {
		case !ok:
			all[r.Key()] = []Difference{{Before: r.Spec}}
		case there != string(r.Spec):
			all[r.Key()] = []Difference{{"/spec", r.Spec, []byte(there)}}
		}
	}
	return all, nil
}

func (o *outside) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return fmt.Sprint(o.made)
}

// do asks until it is the node's turn.
func do(t *testing.T, s *Service, r Request) (*Answer, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		base, err := s.Writer(ctx)
		if err != nil || base != "" {
			continue // another node's, still
		}
		a, err := s.Do(ctx, r)
		if !errors.Is(err, ErrNotWriter) || ctx.Err() != nil {
			return a, err
		}
	}
}

func granted(t *testing.T, s *Service, w Wish) *Answer {
	t.Helper()
	a, err := do(t, s, Request{Wish: w, Actor: "me", ID: "r"})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestWhatIsDeclaredIsMadeAndRead(t *testing.T) {
	w, out := newWorld(t), newOutside()
	s, _ := w.node(out)
	a := granted(t, s, Wish{Apply: []*Resource{thing(t, "a", 1, "b"), thing(t, "b", 2)}})
	if got := told(a.Changes, nil); got != "create b\ncreate a" || len(a.Failed) > 0 {
		t.Errorf("answered %s, %v", got, a.Failed)
	}
	v := s.State().Get(Key{"Thing", "a"})
	if v == nil || v.Actor != "me" || v.Request != "r" || v.Revision != a.Changes[1].Revision || v.Created != v.Revision {
		t.Fatalf("read %+v", v)
	}
	if got := out.String(); got != `map[a:{"parts":["b"],"size":1} b:{"parts":[],"size":2}]` {
		t.Errorf("made %s", got)
	}
	if status, ok := s.Status(v.Key); !ok || !status.Ready {
		t.Errorf("status %+v", status)
	}
	again := granted(t, s, Wish{Apply: []*Resource{thing(t, "a", 3, "b")}})
	if v := s.State().Get(Key{"Thing", "a"}); v.Created >= v.Revision || v.Revision != again.Changes[0].Revision {
		t.Errorf("changed %+v", v)
	}
	granted(t, s, Wish{Delete: []Key{{"Thing", "a"}, {"Thing", "b"}}})
	if len(s.State().List("")) != 0 || out.String() != "map[]" {
		t.Errorf("left %v, %s", s.State().List(""), out)
	}
}

func TestARequestIsGrantedWholeOrNotAtAll(t *testing.T) {
	w, out := newWorld(t), newOutside()
	s, _ := w.node(out)
	granted(t, s, Wish{Apply: []*Resource{thing(t, "a", 1)}})
	end := s.State().End
	out.no["c"] = errors.New("it cannot be")
	for _, test := range []struct {
		r    Request
		want string
	}{
		{Request{Wish: Wish{Apply: []*Resource{thing(t, "b", 1), thing(t, "c", 1)}}}, "Thing/c: it cannot be"},
		{Request{Wish: Wish{Apply: []*Resource{thing(t, "b", 1), thing(t, "d", 1, "xyz")}}}, "Thing/xyz is not declared: there are a"},
		{Request{Wish: Wish{Apply: []*Resource{thing(t, "b", 1), thing(t, "a", 2)}}, Match: map[Key]int64{{"Thing", "a"}: 77}}, "Thing/a is at revision 0, and the change was made for revision 77: read it again"},
		{Request{Wish: Wish{Apply: []*Resource{thing(t, "a", 2)}}, Match: map[Key]int64{{"Thing", "a"}: Absent}}, "Thing/a is declared already, at revision 0"},
		{Request{Wish: Wish{Apply: []*Resource{thing(t, "b", 2)}}, Match: map[Key]int64{{"Thing", "b"}: 0}}, "Thing/b is not declared any more; the change was made for its revision 0"},
		{Request{Wish: Wish{Apply: []*Resource{thing(t, "b", 2)}}, DryRun: true}, ""},
	} {
		_, err := do(t, s, test.r)
		if test.want == "" && err != nil || test.want != "" && (err == nil || err.Error() != test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
	if s.State().End != end || out.String() != `map[a:{"parts":[],"size":1}]` {
		t.Errorf("the log ends at %d, not %d; made %s", s.State().End, end, out)
	}
}

func TestWhatCouldNotBeMadeIsToldAndStaysDeclared(t *testing.T) {
	w, out := newWorld(t), newOutside()
	s, _ := w.node(out)
	out.fail["a"] = errors.New("the disk is full")
	a := granted(t, s, Wish{Apply: []*Resource{thing(t, "a", 1), thing(t, "b", 1)}})
	if fmt.Sprint(a.Failed) != "[{Thing/a the disk is full}]" {
		t.Errorf("failed %v", a.Failed)
	}
	delete(out.fail, "a")
	granted(t, s, Wish{Apply: []*Resource{thing(t, "a", 1)}}) // the same once more
	if status, _ := s.Status(Key{"Thing", "a"}); !status.Ready || !strings.Contains(out.String(), "a:") {
		t.Errorf("status %+v, made %s", status, out)
	}
}

// Drift is shown, and stays until the same is declared once more.
func TestWhatSomebodyElseChangedIsSetRightWhenItIsDeclaredAgain(t *testing.T) {
	w, out := newWorld(t), newOutside()
	s, _ := w.node(out)
	granted(t, s, Wish{Apply: []*Resource{thing(t, "a", 1)}})
	out.mu.Lock()
	out.made["a"] = `"other"`
	out.mu.Unlock()
	dry, err := do(t, s, Request{Wish: Wish{Apply: []*Resource{thing(t, "a", 1)}}, DryRun: true})
	if err != nil || len(dry.Changes[0].Drift) != 1 || out.String() != `map[a:"other"]` {
		t.Fatalf("a dry run says %+v, %v, and %s is there", dry, err, out)
	}
	if status, _ := s.Status(Key{"Thing", "a"}); status.Ready || len(status.Drift) != 1 {
		t.Errorf("status %+v", status)
	}
	end := s.State().End
	again := granted(t, s, Wish{Apply: []*Resource{thing(t, "a", 1)}})
	if again.Changes[0].Action != Unchanged || len(again.Changes[0].Drift) != 1 || s.State().End != end {
		t.Errorf("answered %+v, and the log ends at %d, not %d", again.Changes, s.State().End, end)
	}
	if got := out.String(); got != `map[a:{"parts":[],"size":1}]` {
		t.Errorf("there is %s", got)
	}
}

func TestAnotherNodeFollowsAndTakesOver(t *testing.T) {
	w, out := newWorld(t), newOutside()
	a, stop := w.node(out)
	granted(t, a, Wish{Apply: []*Resource{thing(t, "a", 1)}})
	b, _ := w.node(out)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	first := granted(t, a, Wish{Apply: []*Resource{thing(t, "b", 1)}})
	if _, err := b.Await(ctx, first.Changes[0].Revision); err != nil {
		t.Fatal(err)
	}
	if b.State().Get(Key{"Thing", "b"}) == nil {
		t.Error("the other node has not read what was declared")
	}
	stop()
	granted(t, b, Wish{Apply: []*Resource{thing(t, "c", 1)}})
	if got := len(b.State().List("Thing")); got != 3 {
		t.Errorf("%d are declared", got)
	}
}

// Two that write at once are one after the other: the later one sees the earlier.
func TestRequestsAtOnceAreOneAfterTheOther(t *testing.T) {
	w, out := newWorld(t), newOutside()
	s, _ := w.node(out)
	granted(t, s, Wish{Apply: []*Resource{thing(t, "a", 1)}})
	revision := s.State().Get(Key{"Thing", "a"}).Revision
	var wins, conflicts int
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			_, err := s.Do(t.Context(), Request{Wish: Wish{Apply: []*Resource{thing(t, "a", 10+i)}}, Match: map[Key]int64{{"Thing", "a"}: revision}})
			var conflict *ConflictError
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				wins++
			case errors.As(err, &conflict):
				conflicts++
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if wins != 1 || conflicts != 7 {
		t.Errorf("%d won, %d met a conflict", wins, conflicts)
	}
}

func TestHistoryHasEveryVersion(t *testing.T) {
	w, out := newWorld(t), newOutside()
	s, _ := w.node(out)
	granted(t, s, Wish{Apply: []*Resource{thing(t, "a", 1), thing(t, "b", 1)}})
	granted(t, s, Wish{Apply: []*Resource{thing(t, "a", 2)}})
	granted(t, s, Wish{Delete: []Key{{"Thing", "a"}}})
	granted(t, s, Wish{Apply: []*Resource{thing(t, "a", 3)}})
	var got []string
	err := s.History(t.Context(), Key{"Thing", "a"}, func(v *Version) error {
		size := "deleted"
		if v.Resource != nil {
			size = string(v.Resource.Spec)
		}
		got = append(got, fmt.Sprint(v.Created < v.Revision, " ", size))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `false {"parts":[],"size":1}, true {"parts":[],"size":2}, true deleted, false {"parts":[],"size":3}`
	if strings.Join(got, ", ") != want {
		t.Errorf("got %s", strings.Join(got, ", "))
	}
}

// A writer that lost its turn in the middle leaves nothing half declared.
func TestATransactionThatIsNotCommittedIsNotDeclared(t *testing.T) {
	w, out := newWorld(t), newOutside()
	s, _ := w.node(out)
	granted(t, s, Wish{Apply: []*Resource{thing(t, "a", 1)}})
	other, err := w.client(kgo.TransactionalID(transactionalID), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if err := other.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	rec, err := stamp{"/other", "thief", "x", time.Now()}.record(0, &Change{Key: Key{"Thing", "b"}, After: thing(t, "b", 1)})
	if err != nil {
		t.Fatal(err)
	}
	if err := other.ProduceSync(t.Context(), rec).FirstErr(); err != nil { // which fences the node
		t.Fatal(err)
	}
	_, err = do(t, s, Request{Wish: Wish{Apply: []*Resource{thing(t, "c", 1)}}})
	if err == nil || !strings.Contains(err.Error(), "apply it again") {
		t.Fatalf("a fenced writer answered %v", err)
	}
	granted(t, s, Wish{Apply: []*Resource{thing(t, "c", 1)}}) // by its next turn, which fences the other
	if s.State().Get(Key{"Thing", "b"}) != nil || s.State().Get(Key{"Thing", "c"}) == nil {
		t.Errorf("declared %v", s.State().resources)
	}
}
