package witness

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/evidentlog/evident/internal/ledger/witness/protocol"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/internal/vfs/vfstest"
	"github.com/evidentlog/evident/proof"
)

func TestGrowthIsCosignedAndAForkIsNot(t *testing.T) {
	log, fork := newLog(t, "example.com/log", "right", 300), newLog(t, "example.com/log", "wrong", 300)
	disk := newDisk(t)
	w := mustOpen(t, disk, log)
	old := int64(0)
	for _, size := range []int64{0, 1, 1, 2, 7, 100, 256, 256, 300} {
		resp, lines := ask(w, log.request(old, size).String())
		cosigned(t, w, log.at(size), resp, lines)
		old = size
		if size == 100 { // from disk
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			w = mustOpen(t, disk, log)
		}
	}
	longer := newLog(t, "example.com/log", "wrong", 400)
	for what, r := range map[string]*protocol.Request{
		"another root hash of the size": fork.request(300, 300),
		"another history":               longer.request(300, 400),
	} {
		if resp, body := ask(w, r.String()); resp.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("%s: %s %s", what, resp.Status, body)
		}
	}
	if resp, body := ask(w, log.request(100, 200).String()); resp.StatusCode != http.StatusConflict || body != "300\n" ||
		resp.Header.Get("Content-Type") != protocol.SizeType {
		t.Errorf("an older size: %s %q %s", resp.Status, body, resp.Header.Get("Content-Type"))
	}
}

func TestStatusCodesAreThoseOfTheSpecification(t *testing.T) {
	log, other := newLog(t, "example.com/log", "x", 50), newLog(t, "example.com/other", "x", 50)
	w := mustOpen(t, newDisk(t), log)
	resp, lines := ask(w, log.request(0, 20).String())
	cosigned(t, w, log.at(20), resp, lines)
	good := log.request(20, 50)
	with := func(change func(*protocol.Request)) string {
		r := *good
		change(&r)
		return r.String()
	}
	empty := log.at(0)
	empty.Root = proof.Hash{1}
	for what, c := range map[string]struct {
		body string
		want int
	}{
		"nothing":                     {"", http.StatusBadRequest},
		"no note":                     {"old 20\n\nexample.com/log\n", http.StatusBadRequest},
		"an old size that is larger":  {with(func(r *protocol.Request) { r.Old = 51 }), http.StatusBadRequest},
		"a log that nobody knows":     {other.request(0, 5).String(), http.StatusNotFound},
		"a wrong signature":           {strings.Replace(good.String(), "\n50\n", "\n51\n", 1), http.StatusForbidden},
		"no signature of the log":     {strings.Replace(good.String(), "— example.com/log", "— example.com/lag", 1), http.StatusForbidden},
		"a proof that is missing":     {with(func(r *protocol.Request) { r.Proof = nil }), http.StatusUnprocessableEntity},
		"a proof that is too long":    {with(func(r *protocol.Request) { r.Proof = append(r.Proof[:len(r.Proof):len(r.Proof)], r.Proof[0]) }), http.StatusUnprocessableEntity},
		"another old size":            {with(func(r *protocol.Request) { r.Old = 0 }), http.StatusConflict},
		"an entry too many":           {with(func(r *protocol.Request) { r.Checkpoint = log.signed("example.com/log\n9000000000000000000\nAAAA\n") }), http.StatusBadRequest},
		"an empty line in the middle": {with(func(r *protocol.Request) { r.Checkpoint = log.signed(log.at(50).String() + "\nx\n") }), http.StatusBadRequest},
		"too much":                    {good.String() + strings.Repeat("x", protocol.MaxBody), http.StatusBadRequest},
	} {
		if resp, body := ask(w, c.body); resp.StatusCode != c.want || body == "" {
			t.Errorf("%s: %s %.200s, want %d", what, resp.Status, body, c.want)
		}
	}
	fresh := mustOpen(t, newDisk(t), log)
	if resp, body := ask(fresh, (&protocol.Request{Checkpoint: log.signed(empty.String())}).String()); resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("an empty tree with another root hash: %s %s", resp.Status, body)
	}
	withProof := log.request(0, 20)
	withProof.Proof = good.Proof
	if resp, body := ask(fresh, withProof.String()); resp.StatusCode != http.StatusUnprocessableEntity {
		t.Errorf("a proof from size 0: %s %s", resp.Status, body)
	}
	resp, lines = ask(w, good.String())
	cosigned(t, w, log.at(50), resp, lines)
}

// Extension lines are signed by the log and by our Ed25519 key.
func TestCheckpointsWithExtensionsAreCosigned(t *testing.T) {
	log := newLog(t, "go.sum database tree", "x", 5)
	w := mustOpen(t, newDisk(t), log)
	c := log.at(5)
	text := c.String() + "extension of some log\n"
	resp, lines := ask(w, (&protocol.Request{Checkpoint: log.signed(text)}).String())
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", resp.Status, lines)
	}
	n, err := note.Open([]byte(text+"\n"+lines), note.VerifierList(w.Keys()[0], w.Keys()[1]))
	if err != nil || len(n.Sigs) != 2 {
		t.Errorf("%+v, %v", n, err)
	}
}

func TestMonitorsSeeWhatWasCosigned(t *testing.T) {
	log := newLog(t, "example.com/log", "x", 5)
	w := mustOpen(t, newDisk(t), log)
	see := func(hash string) (int, string) {
		rec := httptest.NewRecorder()
		w.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodGet, "/"+hash+"/checkpoint", nil))
		return rec.Code, rec.Body.String()
	}
	for _, hash := range []string{originHash("example.com/log"), "abc"} {
		if status, body := see(hash); status != http.StatusNotFound {
			t.Errorf("%s: %d %s", hash, status, body)
		}
	}
	r := log.request(0, 5)
	resp, lines := ask(w, r.String())
	cosigned(t, w, log.at(5), resp, lines)
	if status, body := see(originHash("example.com/log")); status != http.StatusOK || body != string(r.Checkpoint)+lines {
		t.Errorf("%d %s", status, body)
	}
}

func TestALogIsNotCosignedTooOften(t *testing.T) {
	log := newLog(t, "example.com/log", "x", 5)
	now := time.Unix(1_700_000_000, 0)
	var told bytes.Buffer
	w, err := Open(Config{FS: newDisk(t), Dir: testDir, Name: testName, Interval: time.Minute, Now: func() time.Time { return now },
		Logger: slog.New(slog.NewTextHandler(&told, nil)),
		Logs:   []Log{{log.origin, []*proof.Verifier{log.signer.Verifier}}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after     time.Duration
		old, size int64
		want      int
	}{{0, 0, 1, 200}, {59 * time.Second, 1, 2, 429}, {time.Second, 1, 2, 200}, {-time.Hour, 2, 3, 200}} {
		now = now.Add(step.after)
		resp, body := ask(w, log.request(step.old, step.size).String())
		if resp.StatusCode != step.want {
			t.Errorf("%+v: %s %s", step, resp.Status, body)
		}
		if step.want == 429 && resp.Header.Get("Retry-After") != "60" {
			t.Errorf("again after %q seconds", resp.Header.Get("Retry-After"))
		}
		if back := strings.Contains(told.String(), "clock was set back"); back != (step.after < 0) {
			t.Errorf("%+v: the operator is told %q", step, told.String())
		}
	}
}

// Requests at one time cannot make the witness go back, or cosign two histories.
func TestRequestsAtOneTimeLeadToOneHistory(t *testing.T) {
	histories := []*testLog{newLog(t, "example.com/log", "a", 40), newLog(t, "example.com/log", "b", 40)}
	w := mustOpen(t, newDisk(t), histories[0])
	w.cfg.Interval = time.Nanosecond
	var mu sync.Mutex
	given := map[string]proof.Checkpoint{}
	var asking sync.WaitGroup
	for i := range 80 {
		asking.Go(func() {
			log, size := histories[i%2], int64(i%40+1)
			for _, old := range []int64{0, size / 2, size} {
				if resp, _ := ask(w, log.request(old, size).String()); resp.StatusCode == http.StatusOK {
					mu.Lock()
					c := log.at(size)
					given[c.String()] = c
					mu.Unlock()
				}
			}
		})
	}
	asking.Wait()
	oneHistory(t, "at one time", given, histories)
}

// oneHistory asks that all checkpoints are of one of some histories.
func oneHistory(t *testing.T, when string, given map[string]proof.Checkpoint, histories []*testLog) {
	t.Helper()
	for _, log := range histories {
		all := true
		for _, c := range given {
			all = all && c == log.at(c.Size)
		}
		if all {
			return
		}
	}
	t.Errorf("%s: cosigned were checkpoints of two histories: %v", when, given)
}

// Whatever operation the power fails at, what was given out binds the witness.
func TestAPowerCutMakesTheWitnessForgetNothing(t *testing.T) {
	histories := []*testLog{newLog(t, "example.com/log", "a", 8), newLog(t, "example.com/log", "b", 8)}
	whole := vfs.NewFaulty(newDisk(t), func(vfs.Op) error { return nil })
	if _, err := grow(whole, histories[0], 1, 4); err != nil {
		t.Fatal(err)
	}
	for n := 1; n <= whole.Mutations(); n++ {
		for _, cut := range vfstest.Cuts() {
			mem := newDisk(t)
			given, err := grow(vfs.NewFaulty(mem, cut.Hook(n)), histories[0], 1, 4)
			if err != nil && !errors.Is(err, vfs.ErrCrashed) {
				t.Fatal(err)
			}
			after := mem.Crash(cut.Keep(n))
			when := fmt.Sprintf("%s at %d", cut.Name, n)
			for _, log := range histories[1:] {
				more, err := grow(after, log, 1, 8)
				if err != nil {
					t.Fatalf("%s: %v", when, err)
				}
				for text, c := range more {
					given[text] = c
				}
			}
			oneHistory(t, when, given, histories)
		}
	}
}

// grow has a witness cosign some sizes of a history, one after the other, and
// returns what it gave out until a crash.
func grow(fsys vfs.FS, log *testLog, from, to int64) (given map[string]proof.Checkpoint, err error) {
	given = map[string]proof.Checkpoint{}
	w, err := open(fsys, log)
	if err != nil {
		return given, err
	}
	defer w.Close()
	old := w.logs[log.origin].mu.size
	for size := max(from, old); size <= to; size++ {
		resp, body := ask(w, log.request(old, size).String())
		switch resp.StatusCode {
		case http.StatusOK:
			c := log.at(size)
			given[c.String()] = c
			old = size
		case http.StatusUnprocessableEntity:
		default:
			if err := w.logs[log.origin].mu.failed; err != nil {
				return given, err
			}
			return given, errors.New(body)
		}
	}
	return given, nil
}

func TestDamageAndOtherKeysAreRefused(t *testing.T) {
	log, disk := newLog(t, "example.com/log", "x", 5), newDisk(t)
	w := mustOpen(t, disk, log)
	resp, lines := ask(w, log.request(0, 5).String())
	cosigned(t, w, log.at(5), resp, lines)
	if _, err := open(disk, log); !errors.Is(err, vfs.ErrLocked) {
		t.Errorf("a second witness in the folder: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	name := testDir + "/" + logsDir + "/" + originHash(log.origin)
	f, err := disk.Open(name, vfs.Write)
	if err != nil {
		t.Fatal(err)
	}
	size, _ := f.Size()
	whole := make([]byte, size)
	if _, err := f.ReadAt(whole, 0); err != nil {
		t.Fatal(err)
	}
	for at := int64(0); at < size; at += 37 {
		if _, err := f.WriteAt([]byte{whole[at] ^ 1}, at); err != nil {
			t.Fatal(err)
		}
		if _, err := open(disk, log); !errors.Is(err, ErrCorrupt) {
			t.Errorf("byte %d: %v", at, err)
		}
		if _, err := f.WriteAt(whole[at:at+1], at); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Close(), disk.Remove(testDir+"/"+keysFile)); err != nil {
		t.Fatal(err)
	}
	if _, err := open(disk, log); err == nil || !strings.Contains(err.Error(), "backup") {
		t.Errorf("keys that are gone: %v", err)
	}
}

func TestLogsAreReadFromAFile(t *testing.T) {
	a, b := newLog(t, "example.com/a", "x", 0).signer.Verifier, newLog(t, "sum.example", "x", 0).signer.Verifier
	logs, err := ParseLogs(fmt.Sprintf("# ours\n%s\n\n  %s  go.sum database tree\r\n%s\n", a, b, a))
	if err != nil || len(logs) != 2 || logs[0].Origin != "example.com/a" || len(logs[0].Keys) != 2 || logs[1].Origin != "go.sum database tree" {
		t.Errorf("%+v, %v", logs, err)
	}
	cosigner, err := proof.NewEd25519Cosigner("w", make([]byte, 64), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"":                                    "no log",
		"# x\n":                               "no log",
		"\nhello\n":                           "line 2",
		a.String() + "x":                      "line 1",
		cosigner.Verifier.String():            "for witnesses",
		a.String() + strings.Repeat("x", 300): "line 1",
		a.String() + " " + strings.Repeat("x", 300): "300 bytes",
	} {
		if _, err := ParseLogs(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.50q: %v, want %q", text, err, want)
		}
	}
}

// Invariants: nothing panics; a state that is read is written the same.
func FuzzDecodeState(f *testing.F) {
	f.Add((&state{5, proof.Hash{1}, []byte("x\n")}).encode())
	f.Add((&state{}).encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeState(b)
		if err == nil && string(s.encode()) != string(b) {
			t.Errorf("%q is written %q", b, s.encode())
		}
	})
}

// Anybody can send a log's checkpoint with a wrong proof: that accuses nobody, and
// fills no disk.
func TestOnlyForksAccuseALog(t *testing.T) {
	log, fork := newLog(t, "example.com/log", "x", 9), newLog(t, "example.com/log", "y", 9)
	var told bytes.Buffer
	w, err := Open(Config{FS: newDisk(t), Dir: testDir, Name: testName, Now: newClock().Now,
		Logger: slog.New(slog.NewTextHandler(&told, nil)), Logs: []Log{{log.origin, []*proof.Verifier{log.signer.Verifier}}}})
	if err != nil {
		t.Fatal(err)
	}
	r := log.request(0, 5)
	resp, lines := ask(w, r.String())
	cosigned(t, w, log.at(5), resp, lines)
	wrong := log.request(5, 9)
	wrong.Proof = wrong.Proof[1:]
	forked := &protocol.Request{Old: 5, Checkpoint: fork.signed(fork.at(5).String())}
	for range 9 {
		for _, r := range []*protocol.Request{wrong, forked} {
			if resp, body := ask(w, r.String()); resp.StatusCode != http.StatusUnprocessableEntity {
				t.Fatalf("%s %s", resp.Status, body)
			}
		}
	}
	if errs, warnings := strings.Count(told.String(), "level=ERROR"), strings.Count(told.String(), "level=WARN"); errs != 1 || warnings != 1 {
		t.Errorf("%d errors and %d warnings, want one of each:\n%s", errs, warnings, &told)
	}
}
