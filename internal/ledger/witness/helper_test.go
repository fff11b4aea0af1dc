package witness

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/evidentlog/evident/internal/ledger/witness/protocol"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

const (
	testDir  = "/data/witness"
	testName = "witness.example/w"
)

// A testLog is a history of a log that signs whatever it is told to.
type testLog struct {
	t      testing.TB
	origin string
	signer *proof.Signer
	hashes []tlog.Hash
	size   int64
}

// newLog makes a log whose entries begin with a word: another word is a fork. Its
// key is named after the origin as far as names of keys go.
func newLog(t testing.TB, origin, word string, size int64) *testLog {
	t.Helper()
	signer, err := proof.NewEd25519Signer(strings.ReplaceAll(origin, " ", "."), ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	l := &testLog{t: t, origin: origin, signer: signer}
	for ; l.size < size; l.size++ {
		more, err := tlog.StoredHashes(l.size, fmt.Appendf(nil, "%s %d", word, l.size), l)
		if err != nil {
			t.Fatal(err)
		}
		l.hashes = append(l.hashes, more...)
	}
	return l
}

// ReadHashes implements tlog.HashReader.
func (l *testLog) ReadHashes(indexes []int64) (list []tlog.Hash, err error) {
	for _, i := range indexes {
		list = append(list, l.hashes[i])
	}
	return list, nil
}

func (l *testLog) at(size int64) proof.Checkpoint {
	root, err := tlog.TreeHash(size, l)
	if err != nil {
		l.t.Fatal(err)
	}
	return proof.Checkpoint{Origin: l.origin, Size: size, Root: root}
}

func (l *testLog) signed(text string) []byte {
	b, err := note.Sign(&note.Note{Text: text}, l.signer)
	if err != nil {
		l.t.Fatal(err)
	}
	return b
}

// request asks to go from one size to another.
func (l *testLog) request(old, size int64) *protocol.Request {
	r := &protocol.Request{Old: old, Checkpoint: l.signed(l.at(size).String())}
	if old > 0 && old < size {
		path, err := tlog.ProveTree(size, old, l)
		if err != nil {
			l.t.Fatal(err)
		}
		r.Proof = path
	}
	return r
}

// A clock that goes as fast as it must.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { c.now = c.now.Add(time.Second); return c.now }

func newClock() *clock { return &clock{time.Unix(1_700_000_000, 0)} }

func newDisk(t testing.TB) *vfs.Mem {
	t.Helper()
	mem := vfs.NewMem()
	if err := errors.Join(mem.MkdirAll("/data"), mem.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return mem
}

func open(fsys vfs.FS, logs ...*testLog) (*Witness, error) {
	cfg := Config{FS: fsys, Dir: testDir, Name: testName, Now: newClock().Now}
	for _, l := range logs {
		cfg.Logs = append(cfg.Logs, Log{l.origin, []*proof.Verifier{l.signer.Verifier}})
	}
	return Open(cfg)
}

func mustOpen(t testing.TB, fsys vfs.FS, logs ...*testLog) *Witness {
	t.Helper()
	w, err := open(fsys, logs...)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// ask sends a request, and returns the answer.
func ask(w *Witness, body string) (*http.Response, string) {
	rec := httptest.NewRecorder()
	w.Handler().ServeHTTP(rec, httptest.NewRequest(http.MethodPost, protocol.AddCheckpoint, strings.NewReader(body)))
	return rec.Result(), rec.Body.String()
}

// cosigned checks that an answer has both of our cosignatures of a checkpoint.
func cosigned(t testing.TB, w *Witness, c proof.Checkpoint, resp *http.Response, lines string) {
	t.Helper()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("size %d: %s %.200s", c.Size, resp.Status, lines)
	}
	n, err := note.Open([]byte(c.String()+"\n"+lines), note.VerifierList(w.Keys()[0], w.Keys()[1]))
	if err != nil || len(n.Sigs) != 2 || len(n.UnverifiedSigs) != 0 {
		t.Fatalf("size %d: %v, %+v", c.Size, err, n)
	}
}
