package ledger

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"filippo.io/torchwood"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/evidentlog/evident/interop/evident"
	ours "github.com/evidentlog/evident/proof"
)

var kills = flag.Int("kills", 5, "how often the node is killed")

// A node that is killed under load goes on with the history that it has signed:
// each checkpoint continues the ones seen before, and each record that was
// acknowledged is provable in the end.
func TestAKilledNodeNeverForks(t *testing.T) {
	web, err := evident.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	server := evident.ForTest(t, evident.Config{Program: *program, Flags: []string{"--listen-http", web, "--ledger-origin", origin}})
	c, err := kgo.NewClient(kgo.SeedBrokers(server.Address), kgo.DefaultProduceTopic("orders"), kgo.AllowAutoTopicCreation())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n := &node{t, "http://" + web, c}
	ctx, stop := context.WithCancel(t.Context())
	acknowledged := make(chan int64, 1)
	go func() { acknowledged <- n.produceUntil(ctx) }()
	n.await(1) // a kill before there is a tree would show nothing

	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))
	var seen []torchwood.Checkpoint
	for range *kills {
		time.Sleep(500*time.Millisecond + time.Duration(rng.Int64N(int64(2*time.Second))))
		seen = append(seen, n.checkpoint(n.root()))
		if err := server.Crash(t.Context(), rng); err != nil {
			t.Fatal(err)
		}
		n.continues(seen)
	}
	stop()
	count := <-acknowledged
	n.continues(append(seen, n.checkpoint(n.root())))
	n.allProvable(count)
	t.Logf("%d kills, %d records acknowledged, root log of %d entries", *kills, count, n.checkpoint(n.root()).N)
}

// produceUntil produces until ctx ends and returns the offset behind the last
// record that was acknowledged.
func (n *node) produceUntil(ctx context.Context) (end int64) {
	for i := 0; ctx.Err() == nil; i++ {
		var batch []*kgo.Record
		for range 50 {
			batch = append(batch, kgo.StringRecord(fmt.Sprintf("order %d", i)))
		}
		for _, r := range n.client.ProduceSync(context.WithoutCancel(ctx), batch...) {
			if r.Err != nil {
				n.t.Errorf("produce: %v", r.Err)
				return end
			}
			end = max(end, r.Record.Offset+1)
		}
	}
	return end
}

// continues checks that the root log is a continuation of what was seen of it.
func (n *node) continues(seen []torchwood.Checkpoint) {
	n.t.Helper()
	now := n.checkpoint(n.root())
	tiles, err := torchwood.NewTileFetcher(n.web + "/ledger/root/")
	if err != nil {
		n.t.Fatal(err)
	}
	hashes := torchwood.TileHashReaderWithContext(n.t.Context(), now.Tree, tiles)
	for _, before := range seen {
		if before.N == 0 {
			continue
		}
		if before.N > now.N {
			n.t.Fatalf("the root log had %d entries and has %d", before.N, now.N)
		}
		path, err := tlog.ProveTree(now.N, before.N, hashes)
		if err == nil {
			err = tlog.CheckTree(path, now.N, now.Hash, before.N, before.Hash)
		}
		if err != nil {
			n.t.Fatalf("from %d to %d: %v", before.N, now.N, err)
		}
	}
}

// allProvable proves records here and there, the last ones among them.
func (n *node) allProvable(count int64) {
	n.t.Helper()
	n.await(count)
	for _, offset := range []int64{0, count / 3, count / 2, count - 2, count - 1} {
		text, err := n.get(fmt.Sprintf("/v1/topics/orders/partitions/0/records/%d/proof", offset))
		if err != nil {
			n.t.Fatal(err)
		}
		f, err := ours.ParseFile(text)
		if err != nil {
			n.t.Fatal(err)
		}
		r, err := f.Verify(ours.Trust{Keys: []*ours.Verifier{n.root().key}})
		if err != nil {
			n.t.Fatal(err)
		}
		if v := r.Heads[0].Records[0].Record.Value; !strings.HasPrefix(string(v), "order ") {
			n.t.Errorf("offset %d is %q", offset, v)
		}
	}
}
