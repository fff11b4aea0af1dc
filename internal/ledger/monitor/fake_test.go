package monitor

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"filippo.io/mldsa"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	ledgertree "github.com/evidentlog/evident/internal/ledger/tree"

	"github.com/evidentlog/evident/internal/ledger/remote"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/proof"
)

const testOrigin = "example.com/events"

// A node serves a root log and trees that the test makes up. What it serves can
// be taken back, and made otherwise.
type node struct {
	t       testing.TB
	signers []note.Signer
	clock   int64 // Unix milliseconds, of entries
	root    [][]byte
	trees   map[string][][]byte // entries by origin
	fail    *atomic.Int64       // status of all answers, if not 0
	alter   func(path string, body []byte) []byte
}

func newNode(t testing.TB) *node {
	t.Helper()
	seed := bytes.Repeat([]byte{1}, 32)
	ed, err1 := proof.NewEd25519Signer(testOrigin, ed25519.NewKeyFromSeed(seed))
	key, err2 := mldsa.NewPrivateKey(mldsa.MLDSA44(), seed)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	pq, err := proof.NewMLDSA44Signer(testOrigin, key, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return &node{t: t, signers: []note.Signer{ed, pq}, trees: map[string][][]byte{}, fail: &atomic.Int64{}}
}

// clone is a copy of all that the node has: a backup.
func (n *node) clone() *node {
	c := *n
	c.trees = map[string][][]byte{}
	c.root = append([][]byte(nil), n.root...)
	for origin, leaves := range n.trees {
		c.trees[origin] = append([][]byte(nil), leaves...)
	}
	return &c
}

func origin(partition, generation int) string {
	return fmt.Sprintf("%s/orders/AAAAAAAAAAAAAAAAAAAAAQ/%d/%d", testOrigin, partition, generation)
}

// produce gives a tree so many more entries, and the root log its head.
func (n *node) produce(tree string, count int, what string) {
	for range count {
		n.trees[tree] = append(n.trees[tree], fmt.Appendf(nil, "%s %d", what, len(n.trees[tree])))
	}
	n.head(proof.HeadEntry, n.treeHead(tree))
}

func (n *node) treeHead(tree string) proof.Checkpoint {
	return proof.Checkpoint{Origin: tree, Size: int64(len(n.trees[tree])), Root: rootOf(n.trees[tree])}
}

func (n *node) head(kind string, c proof.Checkpoint, details ...string) {
	n.clock++
	e := proof.RootEntry{Kind: kind, Time: n.clock, Checkpoint: c, Details: details}
	n.root = append(n.root, e.Bytes())
}

func streams(leaves [][]byte) (ledgertree.Tree, ledgertree.Streams) {
	var t ledgertree.Tree
	var s ledgertree.Streams
	for _, e := range leaves {
		t.Append(tlog.RecordHash(e), &s)
	}
	return t, s
}

func rootOf(leaves [][]byte) proof.Hash {
	t, _ := streams(leaves)
	return t.Root()
}

func (n *node) signed() string {
	c := proof.Checkpoint{Origin: testOrigin, Size: int64(len(n.root)), Root: rootOf(n.root)}
	b, err := note.Sign(&note.Note{Text: c.String()}, n.signers...)
	if err != nil {
		n.t.Fatal(err)
	}
	return string(b)
}

func (n *node) keys() (keys []*proof.Verifier) {
	for _, s := range n.signers {
		keys = append(keys, s.(*proof.Signer).Verifier)
	}
	return keys
}

// ServeHTTP serves as a node does.
func (n *node) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := n.answer(r.URL.Path)
	switch {
	case n.fail.Load() != 0:
		http.Error(w, "failing", int(n.fail.Load()))
		return
	case !ok:
		http.NotFound(w, r)
		return
	case n.alter != nil:
		body = n.alter(r.URL.Path, body)
	}
	_, _ = w.Write(body)
}

func (n *node) answer(path string) ([]byte, bool) {
	if path == "/ledger/vkey" {
		return fmt.Appendf(nil, "%v\n%v\n", n.keys()[0], n.keys()[1]), true
	}
	if path == "/ledger/root/checkpoint" {
		return []byte(n.signed()), true
	}
	if rest, ok := strings.CutPrefix(path, "/ledger/root/tile/"); ok {
		return tile(n.root, rest)
	}
	for tree, leaves := range n.trees {
		if rest, ok := strings.CutPrefix(path, "/ledger/trees/"+strings.TrimPrefix(tree, testOrigin+"/")+"/tile/"); ok {
			return tile(leaves, rest)
		}
	}
	return nil, false
}

// tile serves LEVEL/INDEX or entries/INDEX of logs of fewer than 256,000 entries.
func tile(leaves [][]byte, path string) ([]byte, bool) {
	label, rest, _ := strings.Cut(path, "/")
	number, partial, isPartial := strings.Cut(rest, ".p/")
	at, _ := strconv.Atoi(number)
	width := 256
	if isPartial {
		width, _ = strconv.Atoi(partial)
	}
	first, end := at*256, at*256+width
	if label == "entries" {
		if end > len(leaves) {
			return nil, false
		}
		var b []byte
		for _, e := range leaves[first:end] {
			b = append(binary.BigEndian.AppendUint16(b, uint16(len(e))), e...)
		}
		return b, true
	}
	level, _ := strconv.Atoi(label)
	_, s := streams(leaves)
	if end*32 > len(s[level]) {
		return nil, false
	}
	return s[level][first*32 : end*32], true
}

// wire answers requests without a network.
type wire struct{ node **node }

func (w wire) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	(*w.node).ServeHTTP(rec, r)
	return rec.Result(), nil
}

// A watch is a monitor with what it told.
type watch struct {
	*Monitor
	t       *testing.T
	node    *node // that it asks: may be replaced
	fs      vfs.FS
	events  []Event
	notices []string
	broken  error // of whoever takes alarms
}

func newDisk(t testing.TB) *vfs.Mem {
	t.Helper()
	mem := vfs.NewMem()
	if err := errors.Join(mem.MkdirAll("/data"), mem.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	return mem
}

func (w *watch) site(at string) *remote.Site {
	s, err := remote.NewSite(at, remote.Config{HTTP: &http.Client{Transport: wire{&w.node}}, Tries: 1})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *watch) config() Config {
	return Config{
		Site: w.site("http://example.com"), FS: w.fs, Dir: "/data/monitor", Keys: w.node.keys(),
		Raise: func(_ context.Context, e Event) error {
			if w.broken == nil {
				w.events = append(w.events, e)
			}
			return w.broken
		},
		Notice: func(s string) { w.notices = append(w.notices, s) },
	}
}

// follow opens a monitor of a node.
func follow(t *testing.T, n *node, change ...func(*Config)) *watch {
	t.Helper()
	w := &watch{t: t, node: n, fs: newDisk(t)}
	w.reopen(change...)
	return w
}

func (w *watch) reopen(change ...func(*Config)) {
	w.t.Helper()
	if w.Monitor != nil {
		if err := w.Close(); err != nil {
			w.t.Fatal(err)
		}
	}
	cfg := w.config()
	for _, f := range change {
		f(&cfg)
	}
	m, err := Open(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.Monitor = m
}

// good asks for a round without an alarm.
func (w *watch) good() {
	w.t.Helper()
	if err := w.Once(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// alarm asks for a round that ends with an alarm of a type.
func (w *watch) alarm(kind, words string) Event {
	w.t.Helper()
	err := w.Once(w.t.Context())
	var a *Alarm
	if !errors.As(err, &a) || a.Type != kind || !strings.Contains(a.Data.Message, words) {
		w.t.Fatalf("got %v, want %s with %q", err, kind, words)
	}
	if last := w.events[len(w.events)-1]; last.ID != a.ID {
		w.t.Errorf("told %+v, returned %+v", last, a.Event)
	}
	return a.Event
}

// passing asks for a round that fails without an alarm.
func (w *watch) passing(words string) {
	w.t.Helper()
	err := w.Once(w.t.Context())
	var p *passingError
	if !errors.As(err, &p) || !strings.Contains(err.Error(), words) {
		w.t.Fatalf("got %v, want an error with %q that is no alarm", err, words)
	}
}

// evidence reads a file of evidence by the end of its name.
func (w *watch) evidence(e Event, name string) string {
	w.t.Helper()
	for _, file := range e.Data.Evidence {
		if strings.HasSuffix(file, "/"+name) {
			f, err := w.fs.Open(file, 0)
			if err != nil {
				w.t.Fatal(err)
			}
			defer f.Close()
			size, _ := f.Size()
			b := make([]byte, size)
			if _, err := f.ReadAt(b, 0); err != nil {
				w.t.Fatal(err)
			}
			return string(b)
		}
	}
	w.t.Fatalf("no %s among %v", name, e.Data.Evidence)
	return ""
}
