package shared

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	ours "github.com/evidentlog/evident/proof"
)

const (
	topic      = "orders"
	partitions = 6
	batchSize  = 3000 // records that are produced at a time
	kills      = 4
)

// history is what was produced, and what nodes have signed meanwhile.
type history struct {
	t      *testing.T
	client *kgo.Client
	values [partitions][]string
	signed map[int64]tlog.Hash // roots of the root log by size, of all nodes
}

func newHistory(t *testing.T) *history {
	t.Helper()
	c, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(where.brokers, ",")...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	admin := kadm.NewClient(c)
	if _, err := admin.CreateTopic(t.Context(), partitions, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.DeleteTopic(context.WithoutCancel(t.Context()), topic); err != nil {
			t.Error(err) // the next store's test makes it anew
		}
		c.Close()
	})
	return &history{t: t, client: c, signed: map[int64]tlog.Hash{}}
}

func (h *history) produce() {
	h.t.Helper()
	for i := range batchSize {
		p := i % partitions
		value := fmt.Sprintf("order %d of partition %d", len(h.values[p]), p)
		h.values[p] = append(h.values[p], value)
		h.client.Produce(h.t.Context(), &kgo.Record{Topic: topic, Partition: int32(p), Value: []byte(value)}, func(_ *kgo.Record, err error) {
			if err != nil {
				h.t.Error(err)
			}
		})
	}
	if err := h.client.Flush(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// see notes what a node has signed: no two may sign two histories.
func (h *history) see(n *node) torchwood.Checkpoint {
	h.t.Helper()
	c := n.checkpoint("/ledger/root/")
	if other, ok := h.signed[c.N]; ok && other != c.Hash {
		h.t.Fatalf("two histories are signed: size %d has the roots %v and %v", c.N, other, c.Hash)
	}
	h.signed[c.N] = c.Hash
	return c
}

// key is a log's, as x/mod reads it: without our code.
func (n *node) key(path string) note.Verifier {
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
	signed, err := n.get(path + "checkpoint")
	if err != nil {
		n.t.Fatal(err)
	}
	name, _, _ := strings.Cut(signed, "\n")
	if key, err = key.Named(name); err != nil {
		n.t.Fatal(err)
	}
	v, err := note.NewVerifier(key.String())
	if err != nil {
		n.t.Fatal(err)
	}
	return v
}

func (n *node) policy(path string) torchwood.Policy {
	n.t.Helper()
	key := n.key(path)
	return torchwood.ThresholdPolicy(2, torchwood.OriginPolicy(key.Name()), torchwood.SingleVerifierPolicy(key))
}

func (n *node) checkpoint(path string) torchwood.Checkpoint {
	n.t.Helper()
	signed, err := n.get(path + "checkpoint")
	if err != nil {
		n.t.Fatal(err)
	}
	c, _, err := torchwood.VerifyCheckpoint([]byte(signed), n.policy(path))
	if err != nil {
		n.t.Fatal(err)
	}
	return c
}

func treePath(partition int) string { return fmt.Sprintf("/ledger/topics/%s/%d/", topic, partition) }

// hasAll tells whether all that was produced is in a node's trees.
func (h *history) hasAll(n *node) bool {
	for p := range partitions {
		if _, err := n.get(treePath(p) + "checkpoint"); err != nil {
			return false // no head yet
		}
		if c := n.checkpoint(treePath(p)); c.N < int64(len(h.values[p])) {
			return false
		} else if c.N > int64(len(h.values[p])) {
			h.t.Fatalf("partition %d has %d leaves, and %d records were produced", p, c.N, len(h.values[p]))
		}
	}
	return true
}

// Nodes are killed in turn while records come; every other time the one that was
// killed has lost its disk.
func TestALedgerOutlivesItsNodes(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "ledger.keys")
	h := newHistory(t)
	nodes := []*node{newNode(t, keys, where.store)}
	nodes = append(nodes, newNode(t, keys, where.store)) // with the keys that the first has made
	for i := range kills {
		h.produce()
		victim, other := nodes[i%2], nodes[1-i%2]
		victim.kill()
		h.produce()
		h.see(other)
		other.await("one node has all", func() bool { h.see(other); return h.hasAll(other) })
		if i%4 < 2 {
			if err := os.RemoveAll(victim.data); err != nil {
				t.Fatal(err)
			}
		}
		victim.start()
		h.see(victim)
	}
	for _, n := range nodes {
		n.await("the node has all", func() bool { return h.hasAll(n) })
		h.check(n)
	}
}

// check lets torchwood read a node's logs and verify its proofs.
func (h *history) check(n *node) {
	h.t.Helper()
	c := h.see(n)
	tiles, err := torchwood.NewTileFetcher("http://" + n.web + "/ledger/root/")
	if err != nil {
		h.t.Fatal(err)
	}
	hashes := torchwood.TileHashReaderWithContext(h.t.Context(), c.Tree, tiles)
	for size, root := range h.signed {
		if size > c.N {
			continue // a round that came since
		}
		if got, err := tlog.TreeHash(size, hashes); err != nil || got != root {
			h.t.Errorf("node %s has root %v at size %d, %v; %v was signed", n.web, got, size, err, root)
		}
	}
	for p := range partitions {
		h.readTree(n, p)
		for _, offset := range []int{0, 255, 256, len(h.values[p]) / 2, len(h.values[p]) - 1} {
			h.verify(n, p, offset)
		}
	}
}

// readTree lets torchwood read all entries of a tree.
func (h *history) readTree(n *node, partition int) {
	h.t.Helper()
	c := n.checkpoint(treePath(partition))
	tiles, err := torchwood.NewTileFetcher("http://" + n.web + treePath(partition))
	if err != nil {
		h.t.Fatal(err)
	}
	reader, err := torchwood.NewClient(tiles)
	if err != nil {
		h.t.Fatal(err)
	}
	read := int64(0)
	for range reader.AllEntries(h.t.Context(), c.Tree, 0) {
		read++
	}
	if err := reader.Err(); err != nil || read != c.N {
		h.t.Errorf("%s: read %d of %d entries, %v", c.Origin, read, c.N, err)
	}
}

// verify lets torchwood verify both parts of a record's proof.
func (h *history) verify(n *node, partition, offset int) {
	h.t.Helper()
	file, err := n.get(fmt.Sprintf("/v1/topics/%s/partitions/%d/records/%d/proof", topic, partition, offset))
	if err != nil {
		h.t.Fatal(err)
	}
	sections := strings.Split(file, "\n--- ")
	head, record := strings.TrimPrefix(sections[1], "head\n")+"\n", strings.TrimPrefix(sections[2], "record\n")+"\n"
	entry, err := torchwood.ProofExtraData([]byte(head))
	if err != nil {
		h.t.Fatal(err)
	}
	if err := torchwood.VerifyProof(n.policy("/ledger/root/"), tlog.RecordHash(entry), []byte(head)); err != nil {
		h.t.Errorf("%d@%d, head: %v", partition, offset, err)
	}
	if !bytes.Contains(entry, []byte("\nengine external\n")) {
		h.t.Errorf("the proof does not say that the log is another's:\n%s", entry)
	}
	opening, err := torchwood.ProofExtraData([]byte(record))
	if err != nil {
		h.t.Fatal(err)
	}
	if !bytes.Contains(opening, []byte(h.values[partition][offset])) {
		h.t.Errorf("%d@%d: the record is not the one that was produced: %q", partition, offset, opening)
	}
	if err := torchwood.VerifyProof(n.policy(treePath(partition)), tlog.RecordHash(leafOf(uint64(offset), opening)), []byte(record)); err != nil {
		h.t.Errorf("%d@%d, record: %v", partition, offset, err)
	}
}

// leafOf is the entry of a record, from what opens it, as the format page says.
func leafOf(offset uint64, opening []byte) []byte {
	leaf := binary.BigEndian.AppendUint64([]byte{1}, offset)
	leaf = append(leaf, opening[18:26]...)
	commitment := sha256.Sum256(opening)
	return append(leaf, commitment[:]...)
}

// A node that comes with other keys is told so, and does not start.
func TestANodeWithOtherKeysDoesNotStart(t *testing.T) {
	place, err := url.Parse(where.store)
	if err != nil {
		t.Fatal(err)
	}
	place.Path += "-keys"
	newNode(t, filepath.Join(t.TempDir(), "one.keys"), place.String())
	out, err := serveOnce(t, "--kafka", where.brokers, "--ledger-origin", origin, "--ledger-store", place.String(), "--listen-http", "127.0.0.1:0")
	if err == nil || !strings.Contains(out, "copy it from another node") {
		t.Errorf("%v: %s", err, out)
	}
}
