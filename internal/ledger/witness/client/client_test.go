package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/evidentlog/evident/internal/ledger"
	"github.com/evidentlog/evident/internal/ledger/witness"
	"github.com/evidentlog/evident/internal/ledger/witness/client"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

const testOrigin = "example.com/events"

// peers are witnesses by their hosts, reached without a network.
type peers map[string]http.Handler

func (p peers) RoundTrip(r *http.Request) (*http.Response, error) {
	h := p[r.URL.Host]
	if h == nil {
		return nil, errors.New("no route to host")
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return rec.Result(), nil
}

func newDisk(t *testing.T) *vfs.Mem {
	t.Helper()
	mem := vfs.NewMem()
	if err := errors.Join(mem.MkdirAll("/data"), mem.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return mem
}

// newWitness makes a witness of the ledger on a disk, which is made first.
func newWitness(t *testing.T, name string, ledgers *vfs.Mem) *witness.Witness {
	t.Helper()
	return newWitnessAt(t, name, ledgers, time.Now)
}

// newWitnessAt makes a witness with a clock.
func newWitnessAt(t *testing.T, name string, ledgers *vfs.Mem, now func() time.Time) *witness.Witness {
	t.Helper()
	l, err := ledger.Open(ledger.Config{FS: ledgers, Dir: "/data/ledger", Origin: testOrigin})
	if err != nil {
		t.Fatal(err)
	}
	keys := l.Verifiers()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	w, err := witness.Open(witness.Config{FS: newDisk(t), Dir: "/data/" + name, Name: name, Now: now, Logs: []witness.Log{{Origin: testOrigin, Keys: keys}}})
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// policyOf needs so many of the witnesses, which are at hosts of their names.
func policyOf(t *testing.T, need int, witnesses ...*witness.Witness) *proof.Policy {
	t.Helper()
	var text, names string
	for _, w := range witnesses {
		key := w.Keys()[1]
		text += fmt.Sprintf("witness %s %s http://%[1]s\n", key.Name(), key)
		names += " " + key.Name()
	}
	p, err := proof.ParsePolicy(text + fmt.Sprintf("group all %d%s\nquorum all\n", need, names))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// A running ledger with a client of its witnesses.
type running struct {
	*ledger.Ledger
	t      *testing.T
	client *client.Client
	policy *proof.Policy
	stop   context.CancelFunc
	done   chan error // of both
}

func start(t *testing.T, disk vfs.FS, policy *proof.Policy, to peers) *running {
	t.Helper()
	l, err := ledger.Open(ledger.Config{FS: disk, Dir: "/data/ledger", Origin: testOrigin, Policy: policy})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Config{Log: l, Policy: policy, Transport: to})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &running{l, t, c, policy, stop, make(chan error, 2)}
	go func() { r.done <- l.Run(ctx) }()
	go func() { c.Run(ctx); r.done <- nil }()
	return r
}

func (r *running) end() {
	r.t.Helper()
	r.stop()
	if err := errors.Join(<-r.done, <-r.done); err != nil {
		r.t.Fatal(err)
	}
}

var orders = proof.Tree{Topic: "orders", TopicID: "AAAAAAAAAAAAAAAAAAAAAQ", Partition: 3}

// grow adds leaves up to an offset, and lets a round pass.
func (r *running) grow(to int64, why proof.Reason) {
	r.t.Helper()
	p, err := r.Open(orders)
	if err == nil {
		_, err = p.Lost(to, why)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	time.Sleep(ledger.DefaultInterval)
	synctest.Wait()
}

// prove proves an offset, with witnesses, and checks the file.
func (r *running) prove(offset int64) (*proof.ProvenHead, error) {
	r.t.Helper()
	origin := orders
	origin.Deployment = testOrigin
	f, err := r.ProveWitnessed(r.t.Context(), origin.Origin(), ledger.Opened{Offset: offset, Record: proof.LostRecord(proof.Removed)})
	if err != nil {
		return nil, err
	}
	parsed, err := proof.ParseFile(f.String())
	if err != nil {
		r.t.Fatal(err)
	}
	report, err := parsed.Verify(proof.Trust{Keys: r.Verifiers(), Policy: r.policy})
	if err != nil {
		r.t.Fatal(err)
	}
	return &report.Heads[0], nil
}

func TestAProofCarriesTheWordOfItsWitnesses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		one, two, dead := newWitness(t, "one.example", disk), newWitness(t, "two.example", disk), newWitness(t, "dead.example", disk)
		policy := policyOf(t, 2, one, two, dead)
		r := start(t, disk, policy, peers{"one.example": one.Handler(), "two.example": two.Handler()})
		r.grow(100, proof.Removed)
		before := time.Now()
		h, err := r.prove(42)
		if err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(before); waited > time.Second {
			t.Errorf("the proof waited for %v: the witnesses were not asked at once", waited)
		}
		if len(h.Existed) != 2 || time.Since(h.Existed[0].Clock) > time.Minute {
			t.Errorf("witnessed by %+v", h.Existed)
		}
		if signed := r.witnessed(); !strings.Contains(signed, "— one.example ") || !strings.Contains(signed, fmt.Sprintf("\n%d\n", h.Root.Size)) {
			t.Errorf("the newest witnessed checkpoint is said to be\n%s", signed)
		}
		r.grow(200, proof.Removed)
		if again, err := r.prove(42); err != nil || again.Root.Size != h.Root.Size {
			t.Errorf("a record that was witnessed before is proven by another checkpoint, %+v: %v", again, err)
		}
		r.end()
		r = start(t, disk, policy, peers{}) // nobody is there
		if again, err := r.prove(42); err != nil || again.Root.Size != h.Root.Size {
			t.Errorf("after a restart: %+v, %v", again, err)
		}
		if _, err := r.prove(150); !errors.Is(err, ledger.ErrNotWitnessed) {
			t.Errorf("what nobody has witnessed: %v", err)
		}
		r.end()
	})
}

// witnessed is the checkpoint that monitors get who ask for a quorum.
func (r *running) witnessed() string {
	rec := httptest.NewRecorder()
	r.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/ledger/root/checkpoint?witnessed=1", nil))
	if rec.Code != http.StatusOK {
		return ""
	}
	return rec.Body.String()
}

// However a witness behaves, rounds go on, and it is asked less and less often.
func TestAWitnessThatFailsHoldsNothingUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		w := newWitness(t, "one.example", disk)
		var asked atomic.Int64
		broken := atomic.Bool{}
		broken.Store(true)
		stalls := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			asked.Add(1)
			if broken.Load() {
				<-r.Context().Done() // until the client gives up
				return
			}
			w.Handler().ServeHTTP(rw, r)
		})
		r := start(t, disk, policyOf(t, 1, w), peers{"one.example": stalls})
		if signed := r.witnessed(); signed != "" {
			t.Errorf("without a witness there is a witnessed checkpoint\n%s", signed)
		}
		for i := range int64(600) {
			r.grow(i+1, proof.Removed)
		}
		if r.Size() < 600 {
			t.Errorf("after 600 rounds the root log has %d entries", r.Size())
		}
		if n := asked.Load(); n > 30 {
			t.Errorf("a witness that never answers was asked %d times in ten minutes", n)
		}
		broken.Store(false)
		time.Sleep(2 * time.Minute)
		if _, err := r.prove(5); err != nil {
			t.Errorf("it was not asked again: %v", err)
		}
		r.end()
	})
}

func TestTheClientLearnsWhereAWitnessIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		w := newWitness(t, "one.example", disk)
		policy := policyOf(t, 1, w)
		r := start(t, disk, policy, peers{"one.example": w.Handler()})
		r.grow(10, proof.Removed)
		if _, err := r.prove(5); err != nil {
			t.Fatal(err)
		}
		r.end()
		disk = disk.Crash(vfs.KeepAll)
		if err := disk.RemoveAll("/data/ledger/checkpoints"); err != nil { // what it knew of the witness
			t.Fatal(err)
		}
		r = start(t, disk, policy, peers{"one.example": w.Handler()})
		r.grow(20, proof.Removed)
		if _, err := r.prove(15); err != nil {
			t.Error(err)
		}
		r.end()
	})
}

// The folder as it was yesterday, put back and gone on with, is a fork that
// nothing in the folder can tell of.
func TestAFolderOfYesterdayIsRefusedByTheWitness(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		w := newWitness(t, "one.example", disk)
		policy, to := policyOf(t, 1, w), peers{"one.example": w.Handler()}
		r := start(t, disk, policy, to)
		r.grow(10, proof.Removed)
		if _, err := r.prove(5); err != nil {
			t.Fatal(err)
		}
		r.end()
		yesterday := func() *vfs.Mem { return disk.Crash(vfs.KeepAll) }
		today := yesterday()
		r = start(t, today, policy, to)
		r.grow(20, proof.Removed)
		r.grow(30, proof.Removed)
		if _, err := r.prove(25); err != nil {
			t.Fatal(err)
		}
		r.end()

		l, err := ledger.Open(ledger.Config{FS: yesterday(), Dir: "/data/ledger", Origin: testOrigin, Policy: policy})
		if err != nil {
			t.Fatal(err)
		}
		c, err := client.New(client.Config{Log: l, Policy: policy, Transport: to})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Ask(t.Context()); !errors.Is(err, client.ErrAlarm) || !strings.Contains(err.Error(), "has cosigned 3 entries, and the root log here has 1") {
			t.Errorf("at a start: %v", err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}

		// The witness could not be reached at the start, and another history grew.
		r = start(t, yesterday(), policy, peers{})
		r.grow(15, proof.Expired)
		r.grow(25, proof.Expired)
		if err := r.client.Alarm(); err != nil {
			t.Errorf("an alarm of a witness that cannot be reached: %v", err)
		}
		r.grow(35, proof.Expired)
		r.grow(45, proof.Expired)
		r.end()
		forked := r.Size()
		r = start(t, disk.Crash(vfs.KeepAll), policy, to)
		for i := range forked {
			r.grow(15+10*i, proof.Expired)
		}
		time.Sleep(2 * client.DefaultInterval)
		if _, err := r.prove(12); !errors.Is(err, ledger.ErrNotWitnessed) {
			t.Errorf("a record of the fork is proven: %v", err)
		}
		if err := r.client.Alarm(); !errors.Is(err, client.ErrAlarm) || !strings.Contains(err.Error(), "does not accept") {
			t.Errorf("after the fork has grown: %v", err)
		}
		r.end()
	})
}

// Two folders with the same keys: the witness has one history only.
func TestOfTwoNodesWithOneKeyOneIsWitnessed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		w := newWitness(t, "one.example", disk)
		policy, to := policyOf(t, 1, w), peers{"one.example": w.Handler()}
		first, second := start(t, disk.Crash(vfs.KeepAll), policy, to), start(t, disk.Crash(vfs.KeepAll), policy, to)
		first.grow(10, proof.Removed)
		if _, err := first.prove(5); err != nil {
			t.Fatal(err)
		}
		second.grow(7, proof.Expired)
		if _, err := second.prove(5); !errors.Is(err, ledger.ErrNotWitnessed) {
			t.Errorf("the second is witnessed too: %v", err)
		}
		if err := second.client.Alarm(); !errors.Is(err, client.ErrAlarm) {
			t.Errorf("the second raises no alarm: %v", err)
		}
		if err := first.client.Alarm(); err != nil {
			t.Errorf("the first raises an alarm: %v", err)
		}
		first.end()
		second.end()
	})
}

// answers is a witness that says the same to everybody.
func answers(status int, kind, body string) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		rw.Header().Set("Content-Type", kind)
		rw.Header().Set("Location", "http://elsewhere")
		rw.WriteHeader(status)
		_, _ = io.WriteString(rw, body)
	})
}

// Nothing is believed that the witness's key has not signed.
func TestAnswersThatProveNothingAreNotBelieved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		w, other := newWitness(t, "one.example", disk), newWitness(t, "two.example", disk)
		for what, c := range map[string]struct {
			answer http.Handler
			alarm  bool
		}{
			"another witness's cosignature": {other.Handler(), false},
			"nothing":                       {answers(200, "text/plain", ""), false},
			"garbage":                       {answers(200, "text/plain", "— one.example AAAA\n"), false},
			"too much":                      {answers(200, "text/plain", strings.Repeat("x", 1<<20)), false},
			"a redirect":                    {answers(307, "text/plain", "there"), false},
			"not known":                     {answers(404, "text/plain", "who?"), false},
			"forbidden":                     {answers(403, "text/plain", "no"), false},
			"a conflict without a size":     {answers(409, "text/plain", "5\n"), false},
			"a conflict with no size":       {answers(409, "text/x.tlog.size", "-5\n"), false},
			"the same conflict for ever":    {answers(409, "text/x.tlog.size", "1\n"), false},
			"a conflict far ahead":          {answers(409, "text/x.tlog.size", "1000000\n"), true},
			"busy":                          {answers(429, "text/plain", "later"), false},
			"broken":                        {answers(500, "text/plain", "sorry"), false},
			"a refusal":                     {answers(422, "text/plain", "inconsistent"), true},
		} {
			r := start(t, disk.Crash(vfs.KeepAll), policyOf(t, 1, w), peers{"one.example": c.answer})
			r.grow(10, proof.Removed)
			r.grow(20, proof.Removed)
			if _, err := r.prove(5); !errors.Is(err, ledger.ErrNotWitnessed) {
				t.Errorf("%s: proven with %v", what, err)
			}
			if err := r.client.Alarm(); (err != nil) != c.alarm {
				t.Errorf("%s: the alarm is %v", what, err)
			}
			r.end()
		}
	})
}

// One of three witnesses that cries wolf does not keep the quorum from being
// reached, and is no reason not to be ready.
func TestAnAlarmThatTheQuorumOutvotesIsNotTheNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		one, two, wolf := newWitness(t, "one.example", disk), newWitness(t, "two.example", disk), newWitness(t, "wolf.example", disk)
		r := start(t, disk, policyOf(t, 2, one, two, wolf), peers{
			"one.example": one.Handler(), "two.example": two.Handler(), "wolf.example": answers(422, "text/plain", "wolf"),
		})
		r.grow(10, proof.Removed)
		if _, err := r.prove(5); err != nil {
			t.Error(err)
		}
		if err := r.client.Alarm(); err != nil {
			t.Error(err)
		}
		r.end()
	})
}

func TestPoliciesThatNobodyCouldFulfilAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := newDisk(t)
		w := newWitness(t, "one.example", disk)
		l, err := ledger.Open(ledger.Config{FS: disk, Dir: "/data/ledger", Origin: testOrigin})
		if err != nil {
			t.Fatal(err)
		}
		for url, want := range map[string]string{"": "quorum cannot be reached", "one.example": "no URL", "ftp://one.example": "no URL", "http://x?y": "no URL"} {
			p, err := proof.ParsePolicy(fmt.Sprintf("witness w %s %s\nquorum w\n", w.Keys()[0], url))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := client.New(client.Config{Log: l, Policy: p}); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("URL %q: %v, want %q", url, err, want)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		other, err := proof.NewEd25519Signer("example.com/other", make([]byte, 64))
		if err != nil {
			t.Fatal(err)
		}
		p, err := proof.ParsePolicy(fmt.Sprintf("log %s\nquorum none\n", other.Verifier))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ledger.Open(ledger.Config{FS: disk, Dir: "/data/ledger", Origin: testOrigin, Policy: p}); err == nil || !strings.Contains(err.Error(), "none of this one") {
			t.Errorf("a policy for another log: %v", err)
		}
	})
}
