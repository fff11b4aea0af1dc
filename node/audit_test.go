package node_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/evidentlog/evident/internal/ledger/audit"
	"github.com/evidentlog/evident/internal/ledger/remote"
	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/node"
	"github.com/evidentlog/evident/proof"
)

// audited is a node whose ledger is compared with its records.
type audited struct {
	*provable
	fs     *vfs.Mem
	client *kgo.Client
	trust  proof.Trust
	// alter changes what the node answers.
	alter func(path string, body []byte) []byte
}

// auditedRecords are in orders/0: enough for several tiles of each level below 2.
const auditedRecords = 700

func startAudited(t *testing.T) *audited {
	t.Helper()
	a := &audited{fs: vfs.NewMem()}
	a.provable = startProvable(t, node.Config{FS: a.fs})
	a.client = a.provable.client(kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.TransactionalID("audited"))
	for n := 0; n < auditedRecords; n += 100 {
		if err := a.client.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for i := range 99 { // and a marker
			// So long that the log writes it to its segment at once.
			a.client.Produce(t.Context(), kgo.StringRecord(fmt.Sprintf("order %d, %s", n+i, strings.Repeat("long", 500))), nil)
		}
		how := kgo.TryCommit
		if n == 200 {
			how = kgo.TryAbort
		}
		if err := a.client.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		end(t, a.client, how)
	}
	a.proven(auditedRecords - 1)
	a.trust.Keys = a.keys()
	return a
}

func (a *audited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil || a.alter == nil || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	body, err := io.ReadAll(resp.Body)
	if err := errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(a.alter(r.URL.Path, body)))
	return resp, err
}

func (a *audited) config() audit.Config {
	a.t.Helper()
	site, err := remote.NewSite(a.web, remote.Config{HTTP: &http.Client{Transport: a}})
	if err != nil {
		a.t.Fatal(err)
	}
	return audit.Config{Site: site, Trust: a.trust, Client: a.client, FS: vfs.NewMem(), Dir: "/audit"}
}

func (a *audited) audit() *audit.Report {
	a.t.Helper()
	r, err := audit.Run(a.t.Context(), a.config())
	if err != nil {
		a.t.Fatal(err)
	}
	return r
}

// flip alters a byte of a file of the node.
func (a *audited) flip(name string, at int64) {
	a.t.Helper()
	f, err := a.fs.Open(name, vfs.Write)
	if err != nil {
		a.t.Fatal(err)
	}
	defer f.Close()
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		a.t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b[:], at); err != nil {
		a.t.Fatal(err)
	}
}

func (a *audited) size(name string) int64 {
	a.t.Helper()
	i, err := a.fs.Stat(name)
	if err != nil {
		a.t.Fatal(err)
	}
	return i.Size()
}

// find returns a file of the node by parts of its name.
func (a *audited) find(dir string, parts ...string) (found string) {
	a.t.Helper()
	entries, err := a.fs.ReadDir(dir)
	if err != nil {
		a.t.Fatal(err)
	}
	for _, e := range entries {
		name := dir + "/" + e.Name()
		if e.IsDir() {
			if inner := a.find(name, parts...); inner != "" {
				found = inner
			}
		} else if !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(name, p) }) {
			found = name
		}
	}
	return found
}

func TestAnHonestLedgerFitsItsRecords(t *testing.T) {
	a := startAudited(t)
	r := a.audit()
	want := audit.Counts{Recomputed: auditedRecords}
	if len(r.Findings) > 0 || len(r.Trees) != 1 || r.Trees[0].Counts != want || r.Trees[0].Size != auditedRecords || r.Checkpoints == 0 {
		t.Fatalf("%+v", r)
	}
	var remove kadm.Offsets
	remove.AddOffset("orders", 0, 100, -1)
	if got, err := kadm.NewClient(a.client).DeleteRecords(t.Context(), remove); err != nil || got.Error() != nil {
		t.Fatal(err, got.Error())
	}
	r = a.audit()
	want = audit.Counts{Recomputed: auditedRecords - 100, Removed: 100}
	if len(r.Findings) > 0 || r.Trees[0].Counts != want {
		t.Errorf("%+v", r)
	}
	if _, err := kadm.NewClient(a.client).DeleteTopic(t.Context(), "orders"); err != nil {
		t.Fatal(err)
	}
	r = a.audit()
	want = audit.Counts{Removed: auditedRecords}
	if len(r.Findings) > 0 || r.Trees[0].Counts != want {
		t.Errorf("%+v", r)
	}
}

// resealed alters a byte of a batch's records, and makes its CRC right again.
func (a *audited) resealed(name string, rng *rand.Rand) (undo func()) {
	a.t.Helper()
	const crcAt, crcFrom, payload = 17, 21, 61
	segment := make([]byte, a.size(name))
	f, err := a.fs.Open(name, vfs.Write)
	if err != nil {
		a.t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.ReadAt(segment, 0); err != nil {
		a.t.Fatal(err)
	}
	size := 12 + int64(binary.BigEndian.Uint32(segment[8:])) // the first batch
	b := bytes.Clone(segment[:size])
	// Its values: flipped lengths can make records of which none was ever there.
	at := payload + bytes.Index(b[payload:], []byte("order")) + rng.IntN(5)
	b[at] ^= 1
	binary.BigEndian.PutUint32(b[crcAt:], crc32.Checksum(b[crcFrom:], crc32.MakeTable(crc32.Castagnoli)))
	if _, err := f.WriteAt(b, 0); err != nil {
		a.t.Fatal(err)
	}
	return func() {
		f, err := a.fs.Open(name, vfs.Write)
		if err != nil {
			a.t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteAt(segment[:size], 0); err != nil {
			a.t.Fatal(err)
		}
	}
}

// flips is how many bytes of each kind are flipped.
const flips = 6

func (a *audited) expect(what string, parts ...audit.Part) {
	a.t.Helper()
	r := a.audit()
	if len(r.Findings) == 0 || !slices.Contains(parts, r.Findings[0].Part) || r.Findings[0].Message == "" {
		a.t.Errorf("%s: found %+v, want one of %q", what, r.Findings, parts)
	}
}

func TestAnyByteFlippedOnTheNodesDiskIsFound(t *testing.T) {
	a := startAudited(t)
	rng := rand.New(rand.NewPCG(1, 2))
	segment := a.find("/data", "orders", ".log")
	for range 2 {
		a.stop() // a node that runs has the newest records in memory
		undo := a.resealed(segment, rng)
		a.start()
		a.client = a.provable.client()
		a.expect("record", audit.RecordPart)
		a.stop()
		undo()
		a.start()
		a.client = a.provable.client()
	}
	for file, parts := range map[string][]audit.Part{
		a.find("/data/ledger/trees", ".salts"):   {audit.RecordPart},
		a.find("/data/ledger/trees", ".entries"): {audit.EntryPart},
		"/data/ledger/root/hashes-0":             {audit.TilePart},
		"/data/ledger/root/entries":              {audit.EntryPart},
	} {
		size := a.size(file)
		for range flips {
			at := rng.Int64N(size)
			a.flip(file, at)
			a.expect(fmt.Sprintf("%s at %d", file, at), parts...)
			a.flip(file, at)
		}
	}
	a.flip(a.find("/data/ledger/trees", ".hashes-1"), 33)
	a.expect("tile 1/0", audit.TilePart)
	a.flip(a.find("/data/ledger/trees", ".hashes-1"), 33)
	if r := a.audit(); len(r.Findings) > 0 {
		t.Errorf("all is as it was, and found is %+v", r.Findings)
	}
}

func TestAnyByteFlippedOnTheWireIsFound(t *testing.T) {
	a := startAudited(t)
	rng := rand.New(rand.NewPCG(3, 4))
	for _, tc := range []struct {
		path  string
		parts []audit.Part
	}{
		{"/ledger/root/checkpoint", []audit.Part{audit.CheckpointPart}},
		{"/ledger/root/checkpoints", []audit.Part{audit.CheckpointPart}},
		{"/ledger/root/tile/0/", []audit.Part{audit.TilePart}},
		{"/ledger/root/tile/entries/", []audit.Part{audit.EntryPart}},
		{"/0/0/checkpoint", []audit.Part{audit.CheckpointPart}},
		{"/0/0/tile/0/", []audit.Part{audit.TilePart}},
		{"/0/0/tile/1/", []audit.Part{audit.TilePart}},
		{"/0/0/tile/entries/", []audit.Part{audit.EntryPart}},
		{"/salts", []audit.Part{audit.RecordPart}},
	} {
		for range flips {
			at, done := rng.IntN(1<<20), &atomic.Bool{}
			a.alter = func(path string, body []byte) []byte {
				if !strings.Contains(path+"$", tc.path) && !strings.HasSuffix(path, tc.path) || strings.HasSuffix(path, "checkpoints") != strings.HasSuffix(tc.path, "checkpoints") {
					return body
				}
				if done.Swap(true) {
					return body
				}
				from, to := 0, len(body)
				if note := bytes.Index(body, []byte(`"note":"`)); note >= 0 {
					from = note + len(`"note":"`)
					to = from + bytes.IndexByte(body[from:], '"')
				}
				body[from+at%(to-from)] ^= 1
				return body
			}
			a.expect(fmt.Sprintf("%s at %d", tc.path, at), tc.parts...)
		}
	}
}

// rootSize is that of the newest checkpoint of the root log.
func (a *audited) rootSize() string {
	a.t.Helper()
	_, note := get(a.t, a.web+"/ledger/root/checkpoint")
	return strings.Split(note, "\n")[1]
}

// await waits for what comes with a round of the ledger.
func await(t *testing.T, there func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !there(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it does not come")
		}
	}
}

// interrupted ends an audit after some records.
func (a *audited) interrupted(cfg audit.Config, after int64) {
	a.t.Helper()
	ctx, cancel := context.WithCancel(a.t.Context())
	defer cancel()
	seen := int64(0)
	cfg.Added = func(n int64) {
		if seen += n; seen >= after {
			cancel()
		}
	}
	if r, err := audit.Run(ctx, cfg); err == nil {
		a.t.Fatalf("it came to its end: %+v", r)
	}
}

func TestAnAuditGoesOnWhereItWas(t *testing.T) {
	a := startAudited(t)
	cfg := a.config()
	other, err := a.Client(kgo.DefaultProduceTopic("more"), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	before := a.rootSize()
	produce(t, other, "one")
	await(t, func() bool { return a.rootSize() != before })
	a.interrupted(cfg, 1) // after the first of two trees, in the order of their names
	total := int64(-1)
	cfg.Total = func(n int64) { total = n }
	r, err := audit.Run(t.Context(), cfg)
	if err != nil || len(r.Findings) > 0 || len(r.Trees) != 2 {
		t.Fatalf("%+v, %v", r, err)
	}
	counts := map[string]audit.Counts{}
	for _, tree := range r.Trees {
		counts[tree.Topic] = tree.Counts
	}
	want := map[string]audit.Counts{"more": {Recomputed: 1}, "orders": {Recomputed: auditedRecords}}
	if !reflect.DeepEqual(counts, want) || total >= auditedRecords+1 {
		t.Errorf("%+v, %d entries were looked at again", counts, total)
	}
	if _, err := cfg.FS.Stat("/audit/state"); err == nil {
		t.Error("the state of an audit that came to its end is kept")
	}
}
