package node_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/evidentlog/evident/internal/vfs"
	"github.com/evidentlog/evident/node"
	"github.com/evidentlog/evident/proof"
)

// provable is a node with a ledger, in memory.
type provable struct {
	*node.Node
	t   *testing.T
	cfg node.Config
	web string
}

func startProvable(t *testing.T, cfg node.Config) *provable {
	t.Helper()
	cfg.LedgerOrigin = "example.com/events"
	cfg.HTTP = []node.Listener{{Name: "http", Address: "127.0.0.1:0"}}
	if cfg.Cluster == nil {
		cfg.Kafka = []node.Listener{}
	}
	if cfg.FS == nil {
		if cfg.FS == nil {
			cfg.FS = vfs.NewMem()
		}
	}
	cfg.Data = "/data"
	p := &provable{t: t, cfg: cfg}
	p.start()
	t.Cleanup(p.stop)
	return p
}

func (p *provable) start() {
	p.t.Helper()
	n, err := node.Start(p.t.Context(), p.cfg)
	if err != nil {
		p.t.Fatal(err)
	}
	p.Node, p.web = n, "http://"+n.Addresses().HTTP["http"]
}

func (p *provable) stop() {
	if err := p.Close(); err != nil {
		p.t.Error(err)
	}
}

func (p *provable) client(opts ...kgo.Opt) *kgo.Client {
	p.t.Helper()
	c, err := p.Client(append(opts, kgo.DefaultProduceTopic("orders"), kgo.AllowAutoTopicCreation())...)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(c.Close)
	return c
}

// ask asks for the proof of an offset of orders/0 until the ledger has it.
func (p *provable) ask(offset int64) (status int, body string) {
	p.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		status, body = get(p.t, fmt.Sprintf("%s/v1/topics/orders/partitions/0/records/%d/proof", p.web, offset))
		if status != http.StatusServiceUnavailable {
			break
		}
	}
	return status, body
}

func (p *provable) proven(offset int64) proof.ProvenRecord {
	p.t.Helper()
	status, body := p.ask(offset)
	if status != http.StatusOK {
		p.t.Fatalf("offset %d: %d %s", offset, status, body)
	}
	f, err := proof.ParseFile(body)
	if err != nil {
		p.t.Fatal(err)
	}
	r, err := f.Verify(proof.Trust{Keys: p.keys()})
	if err != nil {
		p.t.Fatal(err)
	}
	return r.Heads[0].Records[0]
}

// keys are those that the node shows.
func (p *provable) keys() (keys []*proof.Verifier) {
	p.t.Helper()
	_, shown := get(p.t, p.web+"/ledger/vkey")
	for line := range strings.Lines(shown) {
		v, err := proof.ParseVerifier(strings.TrimSpace(line))
		if err != nil {
			p.t.Fatal(err)
		}
		keys = append(keys, v)
	}
	return keys
}

func TestARecordIsProvenOnceItsTransactionIsCommitted(t *testing.T) {
	p := startProvable(t, node.Config{})
	c := p.client(kgo.TransactionalID("payments"))
	transact(t, c, "committed", kgo.TryCommit) // offsets 0, and 1 for the marker
	transact(t, c, "aborted", kgo.TryAbort)    // 2, and 3
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, c, "open") // 4
	if r := p.proven(0); string(r.Record.Value) != "committed" || r.CommittedAt != 1 {
		t.Errorf("%+v", r)
	}
	if r := p.proven(1); r.Record.Kind != proof.Control {
		t.Errorf("the marker is %+v", r)
	}
	if status, body := p.ask(2); status != http.StatusConflict || !strings.Contains(body, "aborted at offset 3") {
		t.Errorf("aborted: %d %s", status, body)
	}
	if status, body := p.ask(4); status != http.StatusConflict || !strings.Contains(body, "has not ended") {
		t.Errorf("open: %d %s", status, body)
	}
	end(t, c, kgo.TryCommit)
	if r := p.proven(4); r.CommittedAt != 5 {
		t.Errorf("%+v", r)
	}
}

// A record's batch is larger than what is fetched at first, and so is what lies
// between it and its marker.
func TestALargeRecordIsProvenWithAMarkerFarAway(t *testing.T) {
	p := startProvable(t, node.Config{})
	none := kgo.ProducerBatchCompression(kgo.NoCompression())
	c, other := p.client(none, kgo.TransactionalID("payments")), p.client(none)
	large := strings.Repeat("large ", 50<<10)
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, c, large) // offset 0
	for range 3 {
		produce(t, other, large) // 1 to 3
	}
	end(t, c, kgo.TryCommit)
	if r := p.proven(0); string(r.Record.Value) != large || r.CommittedAt != 4 {
		t.Errorf("%d bytes, committed at %d", len(r.Record.Value), r.CommittedAt)
	}
	if r := p.proven(2); string(r.Record.Value) != large {
		t.Errorf("%d bytes", len(r.Record.Value))
	}
}

func transact(t *testing.T, c *kgo.Client, value string, how kgo.TransactionEndTry) {
	t.Helper()
	if err := c.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	produce(t, c, value)
	end(t, c, how)
}

// end ends a transaction in orders/0, and waits until its marker can be read: the
// coordinator answers before it is written. The client has to know the topic, or
// it commits nothing.
func end(t *testing.T, c *kgo.Client, how kgo.TransactionEndTry) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		if _, leader, err := c.PartitionLeader("orders", 0); err == nil && leader >= 0 {
			break
		}
		pause(t, ctx)
	}
	if err := c.EndTransaction(ctx, how); err != nil {
		t.Fatal(err)
	}
	for adm := kadm.NewClient(c); ; pause(t, ctx) {
		stable, err1 := adm.ListCommittedOffsets(ctx, "orders")
		all, err2 := adm.ListEndOffsets(ctx, "orders")
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		to, _ := stable.Lookup("orders", 0)
		if last, _ := all.Lookup("orders", 0); to.Offset == last.Offset {
			return
		}
	}
}

func pause(t *testing.T, ctx context.Context) {
	t.Helper()
	select {
	case <-ctx.Done():
		t.Fatal("the transaction does not end")
	case <-time.After(5 * time.Millisecond):
	}
}

func produce(t *testing.T, c *kgo.Client, value string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := c.ProduceSync(ctx, kgo.StringRecord(value)).FirstErr(); err != nil {
		t.Fatal(err)
	}
}

func TestRecordsGoOnlyAfterTheLedgerHasThem(t *testing.T) {
	p := startProvable(t, node.Config{})
	c := p.client()
	for range 3 {
		produce(t, c, "short-lived")
	}
	var remove kadm.Offsets
	remove.AddOffset("orders", 0, 3, -1)
	got, err := kadm.NewClient(c).DeleteRecords(t.Context(), remove) // waits for the ledger
	if r, ok := got.Lookup("orders", 0); err != nil || !ok || r.Err != nil || r.LowWatermark != 3 {
		t.Fatalf("%v, %+v", err, got)
	}
	_, checkpoint := get(t, p.web+"/ledger/topics/orders/0/checkpoint")
	if lines := strings.Split(checkpoint, "\n"); len(lines) < 2 || lines[1] != "3" {
		t.Errorf("the tree's checkpoint is %q, want 3 leaves", checkpoint)
	}
	if status, body := p.ask(0); status != http.StatusNotFound {
		t.Errorf("%d %s", status, body)
	}
}

func TestTheLedgerWorksOnAnotherCluster(t *testing.T) {
	p := startProvable(t, node.Config{Cluster: &node.Cluster{Brokers: fakeCluster(t).ListenAddrs()}})
	produce(t, p.client(), "elsewhere")
	if r := p.proven(0); string(r.Record.Value) != "elsewhere" {
		t.Errorf("%+v", r)
	}
}

func TestAClusterWithoutTopicIDsHasNoLedger(t *testing.T) {
	_, err := node.Start(t.Context(), node.Config{
		Cluster: &node.Cluster{Brokers: fakeCluster(t, kfake.MaxVersions(kversion.V2_7_0())).ListenAddrs()},
		FS:      vfs.NewMem(), HTTP: []node.Listener{}, LedgerOrigin: "example.com/events",
	})
	if err == nil || !strings.Contains(err.Error(), "by their ids: the Kafka cluster has no topic ids (KIP-516)") {
		t.Errorf("got %v", err)
	}
}

func TestBadQuestionsForProofsAreAnswered(t *testing.T) {
	p := startProvable(t, node.Config{})
	produce(t, p.client(), "first")
	p.proven(0)
	for path, want := range map[string]int{
		"orders/partitions/0/records/0":  http.StatusOK,
		"orders/partitions/x/records/0":  http.StatusBadRequest,
		"orders/partitions/-1/records/0": http.StatusBadRequest,
		"orders/partitions/0/records/x":  http.StatusBadRequest,
		"orders/partitions/0/records/7":  http.StatusNotFound,
		"orders/partitions/9/records/0":  http.StatusNotFound,
		"other/partitions/0/records/0":   http.StatusNotFound,
		"a%20b/partitions/0/records/0":   http.StatusNotFound,
	} {
		if status, body := get(t, p.web+"/v1/topics/"+path+"/proof"); status != want {
			t.Errorf("%s: %d %s, want %d", path, status, body, want)
		}
	}
}
