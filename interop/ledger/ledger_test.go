package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"filippo.io/torchwood"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/evidentlog/evident/interop/evident"
	ours "github.com/evidentlog/evident/proof"
)

const (
	origin = "example.com/events"
	// records in the partition: more than a tile of tiles.
	records = 70_000
)

var program = flag.String("program", "", "the program to run instead of building it")

// A node with records in its ledger, as somebody else sees it.
type node struct {
	t      *testing.T
	web    string
	client *kgo.Client
}

func start(t *testing.T) *node {
	t.Helper()
	web, err := evident.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	server := evident.ForTest(t, evident.Config{Program: *program, Flags: []string{"--listen-http", web, "--ledger-origin", origin}})
	c, err := kgo.NewClient(kgo.SeedBrokers(server.Address), kgo.DefaultProduceTopic("orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if _, err := kadm.NewClient(c).CreateTopic(t.Context(), 1, 1, nil, "orders"); err != nil {
		t.Fatal(err)
	}
	return &node{t, "http://" + web, c}
}

func (n *node) produce(from, to int) {
	n.t.Helper()
	for i := from; i < to; i++ {
		n.client.Produce(n.t.Context(), kgo.StringRecord(fmt.Sprintf("order %d", i)), func(_ *kgo.Record, err error) {
			if err != nil {
				n.t.Error(err)
			}
		})
	}
	if err := n.client.Flush(n.t.Context()); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) get(path string) (string, error) {
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		body, again, err := n.getOnce(path)
		if !again || time.Now().After(end) {
			return body, err
		}
	}
}

// getOnce tells whether the answer is to be asked for again: what is durable is signed
// a moment later.
func (n *node) getOnce(path string) (text string, again bool, err error) {
	resp, err := http.Get(n.web + path)
	if err != nil {
		return "", false, err
	}
	body, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s %s", path, resp.Status, body)
	}
	return string(body), resp.Header.Get("Retry-After") != "", err
}

// A log is one of the ledger's: where it is, and the key that signs it.
type log struct {
	path string
	key  *ours.Verifier
}

func (n *node) root() log {
	n.t.Helper()
	keys, err := n.get("/ledger/vkey")
	if err != nil {
		n.t.Fatal(err)
	}
	first, _, _ := strings.Cut(keys, "\n")
	key, err := ours.ParseVerifier(first)
	if err != nil {
		n.t.Fatal(err)
	}
	return log{"/ledger/root/", key}
}

func (n *node) partition() log {
	n.t.Helper()
	signed, err := n.get("/ledger/topics/orders/0/checkpoint")
	if err != nil {
		n.t.Fatal(err)
	}
	name, _, _ := strings.Cut(signed, "\n")
	key, err := n.root().key.Named(name)
	if err != nil {
		n.t.Fatal(err)
	}
	return log{"/ledger/topics/orders/0/", key}
}

// verifier is a key as x/mod reads it: without our code.
func (l log) verifier(t *testing.T) note.Verifier {
	t.Helper()
	v, err := note.NewVerifier(l.key.String())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// policy accepts what the log has signed under its own name.
func (l log) policy(t *testing.T) torchwood.Policy {
	t.Helper()
	return torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(l.key.Name()), torchwood.SingleVerifierPolicy(l.verifier(t)))
}

func (n *node) checkpoint(l log) torchwood.Checkpoint {
	n.t.Helper()
	signed, err := n.get(l.path + "checkpoint")
	if err != nil {
		n.t.Fatal(err)
	}
	c, _, err := torchwood.VerifyCheckpoint([]byte(signed), l.policy(n.t))
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}

// await waits until the partition's tree has so many leaves, or more.
func (n *node) await(size int64) torchwood.Checkpoint {
	n.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, err := n.get("/ledger/topics/orders/0/checkpoint"); err != nil {
			continue // no head yet
		}
		if c := n.checkpoint(n.partition()); c.N >= size {
			return c
		}
	}
	n.t.Fatalf("the tree has not %d leaves after a minute", size)
	return torchwood.Checkpoint{}
}

func TestTorchwoodReadsEveryLog(t *testing.T) {
	n := start(t)
	n.produce(0, records)
	n.await(records)
	for _, l := range []log{n.root(), n.partition()} {
		c := n.checkpoint(l)
		tiles, err := torchwood.NewTileFetcher(n.web + l.path)
		if err != nil {
			t.Fatal(err)
		}
		reader, err := torchwood.NewClient(tiles)
		if err != nil {
			t.Fatal(err)
		}
		read := int64(0)
		for i, entry := range reader.AllEntries(t.Context(), c.Tree, 0) {
			if i != read || len(entry) == 0 {
				t.Fatalf("entry %d of %s is %q", i, c.Origin, entry)
			}
			read++
		}
		if err := reader.Err(); err != nil || read != c.N {
			t.Errorf("%s: read %d of %d entries, %v", c.Origin, read, c.N, err)
		}
	}
}

// parts are the tlog-proofs of a proof file, cut out as its format page says.
func parts(t *testing.T, file string) (head, record string) {
	t.Helper()
	sections := strings.Split(file, "\n--- ")
	if len(sections) != 4 || !strings.HasPrefix(sections[1], "head\n") || !strings.HasPrefix(sections[2], "record\n") {
		t.Fatalf("not the sections of a proof of one record:\n%s", file)
	}
	return strings.TrimPrefix(sections[1], "head\n") + "\n", strings.TrimPrefix(sections[2], "record\n") + "\n"
}

func TestTorchwoodVerifiesBothPartsOfAProof(t *testing.T) {
	n := start(t)
	n.produce(0, 1000)
	n.await(1000)
	file, err := n.get("/v1/topics/orders/partitions/0/records/77/proof")
	if err != nil {
		t.Fatal(err)
	}
	head, record := parts(t, file)
	entry, err := torchwood.ProofExtraData([]byte(head))
	if err != nil {
		t.Fatal(err)
	}
	if err := torchwood.VerifyProof(n.root().policy(t), tlog.RecordHash(entry), []byte(head)); err != nil {
		t.Errorf("head: %v", err)
	}
	opening, err := torchwood.ProofExtraData([]byte(record))
	if err != nil {
		t.Fatal(err)
	}
	leaf := leafOf(77, opening)
	if err := torchwood.VerifyProof(n.partition().policy(t), tlog.RecordHash(leaf), []byte(record)); err != nil {
		t.Errorf("record: %v", err)
	}
	leaf[20] ^= 1
	var wrong *torchwood.VerifyRecordError
	if err := torchwood.VerifyProof(n.partition().policy(t), tlog.RecordHash(leaf), []byte(record)); !errors.As(err, &wrong) {
		t.Errorf("another record: %v", err)
	}
}

func TestTheMerkleVerifierAgrees(t *testing.T) {
	n := start(t)
	n.produce(0, 700)
	before := n.await(700)
	n.produce(700, records)
	after := n.await(records)
	tiles, err := torchwood.NewTileFetcher(n.web + "/ledger/topics/orders/0/")
	if err != nil {
		t.Fatal(err)
	}
	hashes := torchwood.TileHashReaderWithContext(t.Context(), after.Tree, tiles)
	path, err := tlog.ProveTree(after.N, before.N, hashes)
	if err != nil {
		t.Fatal(err)
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(before.N), uint64(after.N), bytesOf(path), before.Hash[:], after.Hash[:]); err != nil {
		t.Error(err)
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(before.N)-1, uint64(after.N), bytesOf(path), before.Hash[:], after.Hash[:]); err == nil {
		t.Error("a proof for another size verifies")
	}
	file, err := n.get("/v1/topics/orders/partitions/0/records/69999/proof")
	if err != nil {
		t.Fatal(err)
	}
	_, record := parts(t, file)
	included, err := ours.ParseInclusion(record)
	if err != nil {
		t.Fatal(err)
	}
	leaf := rfc6962.DefaultHasher.HashLeaf(leafOf(69_999, included.Extra))
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, 69_999, uint64(after.N), leaf, bytesOf(included.Path), after.Hash[:]); err != nil {
		t.Error(err)
	}
}

func TestTesserasFsckFindsNothing(t *testing.T) {
	n := start(t)
	n.produce(0, records)
	n.await(records)
	for _, l := range []log{n.root(), n.partition()} {
		at, err := url.Parse(n.web + l.path)
		if err != nil {
			t.Fatal(err)
		}
		fetcher, err := client.NewHTTPFetcher(at, nil)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // it hangs on a log that was tampered with
		defer cancel()
		if err := fsck.New(l.key.Name(), l.verifier(t), fetcher, leafHashes, fsck.Opts{N: 2}).Check(ctx); err != nil {
			t.Errorf("%s: %v", l.key.Name(), err)
		}
	}
}

// leafOf is the entry of a record, from what opens it, as the format page says.
func leafOf(offset uint64, opening []byte) []byte {
	leaf := binary.BigEndian.AppendUint64([]byte{1}, offset)
	leaf = append(leaf, opening[18:26]...)
	commitment := sha256.Sum256(opening)
	return append(leaf, commitment[:]...)
}

// leafHashes are the leaf hashes of a bundle of entries.
func leafHashes(bundle []byte) (hashes [][]byte, err error) {
	for len(bundle) > 0 {
		var entry []byte
		if entry, bundle, err = torchwood.ReadTileEntry(bundle); err != nil {
			return nil, err
		}
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}

func bytesOf(path []tlog.Hash) (list [][]byte) {
	for _, h := range path {
		list = append(list, h[:])
	}
	return list
}
