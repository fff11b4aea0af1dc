package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/evidenttest"
	"github.com/evidentlog/evident/internal/problem"
	"github.com/evidentlog/evident/internal/process"
	"github.com/evidentlog/evident/internal/process/api"
	"github.com/evidentlog/evident/internal/process/control"
	"github.com/evidentlog/evident/internal/vfs"
)

// reminder sets a timer for each record, at the time that is its value, and says so when it
// comes due; a record without a value takes it back.
type reminder struct{}

func (reminder) Handle(s process.Step, r *kgo.Record) error {
	tm := process.Timer{Key: r.Key}
	if r.Value == nil {
		return s.StopTimer(tm)
	}
	if err := json.Unmarshal(r.Value, &tm.At); err != nil {
		return err
	}
	return s.SetTimer(tm)
}

func (reminder) Fire(s process.Step, tm process.Timer) error {
	return s.Emit(process.Output{Topic: "out", Key: tm.Key})
}

// A works is two versions' place of work: a node, the controller and what steers it.
type works struct {
	*testing.T
	node    *evidenttest.Node
	client  *kgo.Client
	control *control.Controller
	mux     *http.ServeMux
}

func newWorks(t *testing.T, n *evidenttest.Node) *works {
	w := &works{T: t, node: n, client: n.Client(), mux: http.NewServeMux()}
	made, err := kadm.NewClient(w.client).CreateTopics(t.Context(), 2, 1, nil, "in", "out")
	if err == nil {
		err = made.Error()
	}
	w.must(err)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return n.Dial(ctx) }
	log := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	service, err := process.New(process.Config{
		Client: func(opts ...kgo.Opt) (*kgo.Client, error) {
			return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers("node:9092"), kgo.Dialer(dial)}, opts...)...)
		},
		Instance: "node", FS: vfs.NewMem(), Dir: "state", Logger: log,
	})
	w.must(err)
	w.control, err = control.New(control.Config{
		Runner: service, Client: w.client, Logger: log,
		Processors: []process.Processor{{
			Name: "reminder", Version: 1, Inputs: []string{"in"}, Timers: true,
			New: func(process.Task) process.Handler { return reminder{} },
		}},
	})
	w.must(err)
	(&api.API{
		Control: w.control, Client: w.client, Declare: w.declare,
		Find: func(name string, version int) (api.Running, bool) {
			r, ok := service.Find(name, version)
			return r, ok
		},
		MayRead: func(*http.Request) error { return nil },
	}).Handle(w.mux)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.control.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		w.must(<-done)
	})
	w.control.Declare(map[string]control.Spec{})
	return w
}

func (w *works) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *works) declare(rw http.ResponseWriter, _ *http.Request, name string, change func(*control.Spec) error) bool {
	s := w.control.Spec(name)
	if err := change(&s); err != nil {
		problem.Write(rw, http.StatusConflict, err)
		return false
	}
	w.control.Declare(map[string]control.Spec{name: s})
	return true
}

func (w *works) tell(verb string) {
	w.Helper()
	rw := httptest.NewRecorder()
	w.mux.ServeHTTP(rw, httptest.NewRequestWithContext(w.Context(), http.MethodPost, api.Prefix+"/reminder:"+verb, strings.NewReader("")))
	if rw.Code != http.StatusOK {
		w.Fatalf("%s: %d %s", verb, rw.Code, rw.Body)
	}
}

// remind writes so many records a while apart, whose timers come due before long. Each fifth
// one is taken back, long before it is due.
func (w *works) remind(ctx context.Context, rng *rand.Rand, n int) error {
	for i := range n {
		at, err := json.Marshal(time.Now().Add(time.Duration(rng.IntN(3000)) * time.Millisecond))
		if err != nil {
			return err
		}
		key := []byte(fmt.Sprint(i))
		records := []*kgo.Record{{Topic: "in", Key: key, Value: at}}
		if i%5 == 0 {
			records = append(records, &kgo.Record{Topic: "in", Key: key})
		}
		if err := w.client.ProduceSync(ctx, records...).FirstErr(); err != nil {
			return err
		}
		time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond)
	}
	return nil
}

// Records come, and timers of the wall clock are due, all the time.
func TestEachTimerFiresOnceThoughVersionsAreSwitched(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			evidenttest.Run(t, func(t *testing.T, n *evidenttest.Node) {
				const all = 400
				w, rng := newWorks(t, n), rand.New(rand.NewPCG(seed, 0))
				done := make(chan error, 1)
				go func() { done <- w.remind(t.Context(), rand.New(rand.NewPCG(seed, 1)), all) }()
				for range 2 {
					time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
					w.tell("replay")
					time.Sleep(time.Duration(rng.IntN(2000)) * time.Millisecond)
					w.tell("switch")
				}
				w.must(<-done)
				n.Advance(time.Minute)
				fired := map[string]int{}
				for _, r := range n.Records("out") {
					fired[string(r.Key)]++
				}
				for i := range all {
					if want := min(i%5, 1); fired[fmt.Sprint(i)] != want {
						t.Errorf("timer %d has fired %d times, want %d", i, fired[fmt.Sprint(i)], want)
					}
				}
			}, evidenttest.WithoutLedger())
		})
	}
}
